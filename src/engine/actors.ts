import { type Actor, createActor, type InspectionEvent } from 'xstate';
import { daemonMachine } from '../../machines/daemon.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { PageSettings } from './apply-page.ts';
import type { InHand } from './commands/runner.ts';
import type { DaemonOptions } from './daemon-options.ts';
import { createHands } from './hands.ts';
import type { Log } from './log.ts';
import { observers } from './observers.ts';
import type { Pools } from './pools.ts';
import { Progress } from './progress.ts';
import { type HeadSource, Puller } from './puller.ts';

const BACKOFF = { baseMs: 200, capMs: 30_000 } as const;
const DRAIN_MS = 10_000;
const FOLD_FROM = 10;

/** What the daemon keeps of one projection beside its machine. */
export interface Worker {
  readonly puller: Puller;
  readonly progress: Progress;
  readonly inHand: InHand;
}

export interface ActorsOptions {
  readonly daemon: Pick<
    DaemonOptions,
    'projections' | 'bulkLimit' | 'retries' | 'retryFailedAfterMs' | 'patience' | 'failpoint' | 'inspect'
  >;
  readonly owner: string;
  readonly owners: TableOwners;
  readonly pools: Pools;
  readonly heads: HeadSource;
  /** Each projection's is put in here. */
  readonly workers: Map<string, Worker>;
  readonly inspect: (event: InspectionEvent) => void;
  /** A projection has looked at more events. It must not throw. */
  readonly onScanned: () => void;
  /** A reset has ended, well or not. */
  readonly onReset: () => void;
  readonly log: Log;
}

/** Sets one actor per projection going, under one supervisor. */
export function startActors(options: ActorsOptions): Actor<typeof daemonMachine> {
  const { daemon, pools, heads, workers, log, onReset, onScanned } = options;
  const { projections, bulkLimit = null, retryFailedAfterMs = 1000 } = daemon;
  const settings = pageSettings(options);
  const now = () => performance.now();
  const inputs = projections.map((projection) => {
    const progress = new Progress(now);
    const puller = new Puller({
      projection,
      settings,
      reader: pools.reader,
      heads,
      pageSize: bulkLimit,
      progress,
      onScanned,
      log,
      now,
    });
    const inHand: InHand = { command: null };
    workers.set(projection.name, { puller, progress, inHand });
    const hands = createHands({ projection, projections, puller, settings, inHand, log, onReset });
    return { name: projection.name, hands, retryFailedAfterMs, backoff: BACKOFF };
  });
  const root = createActor(daemonMachine, {
    input: { projections: inputs, backoff: BACKOFF, drainMs: DRAIN_MS },
    ...observers(options.inspect, daemon.inspect),
  });
  // Without an observer for errors a bug in the supervisor would end the process as an uncaught exception.
  root.subscribe({ error: (error) => log.error({ err: error }, 'the supervisor died; restart the daemon') });
  root.start();
  root.send({ type: 'START' });
  return root;
}

function pageSettings({ daemon, owner, owners, pools }: ActorsOptions): PageSettings {
  const { retries = 5, patience, failpoint } = daemon;
  return {
    sql: pools.work,
    owner,
    owners,
    maxAttempts: 1 + retries,
    statementTimeoutMs: 10_000,
    nextStatementMs: patience?.nextStatementMs,
    foldFrom: FOLD_FROM,
    failpoint,
  };
}
