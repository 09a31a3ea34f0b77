import { type Actor, createActor, type SnapshotFrom } from 'xstate';
import { childId, daemonMachine, type ProjectionActor } from '../../machines/daemon.ts';
import { type Observer, observers } from '../../machines/observers.ts';
import { type FailurePolicy, resolvePolicy } from '../core/failure-policy.ts';
import type { Log } from '../core/log.ts';
import { PageTurns } from '../core/page-turns.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { CrashLoopGuard, Mutex } from '../projector/crash-loop-guard.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';
import type { LatencyHistogram } from '../projector/latency.ts';
import { LockWatch } from '../projector/lock-watch.ts';
import type { PageSettings } from '../projector/page-request.ts';
import { PAGE_MIN } from '../projector/page-size-bounds.ts';
import { Progress } from '../projector/progress.ts';
import { ProjectionRunner } from '../projector/run-loop.ts';
import type { StartNote } from '../state/attempts.ts';
import { stallLimit } from './health.ts';
import type { DaemonOptions } from './options.ts';
import { type Pools, pagePlaces, READ_PLACES } from './pools.ts';
import { createProjectionOperations } from './projection-operations.ts';

const BACKOFF = { baseMs: 200, capMs: 30_000 } as const;
const DRAIN_MS = 10_000;
const FOLD_FROM = 10;

/** What the daemon keeps of one projection beside its machine. */
export interface Worker {
  readonly runner: ProjectionRunner;
  readonly progress: Progress;
  /** Milliseconds in which a pull that gets nowhere has to end by itself. */
  readonly stallMs: number;
}

export interface ActorsOptions {
  readonly daemon: Pick<
    DaemonOptions,
    'projections' | 'bulkLimit' | 'patience' | 'failpoint' | 'board' | 'inspect' | keyof FailurePolicy
  >;
  readonly owner: string;
  readonly owners: TableOwners;
  readonly pools: Pools;
  readonly highWaterMark: HighWaterMarkSource;
  readonly latency: LatencyHistogram;
  /** Each projection's is put in here. */
  readonly workers: Map<string, Worker>;
  /** Hears what the actors do, before the daemon's own `inspect`. */
  readonly inspect: Observer;
  /** A projection has looked at more events. It must not throw. */
  readonly onScanned: () => void;
  /** What is known of the processes before this one, by projection. */
  readonly starts: ReadonlyMap<string, StartNote>;
  /** A reset has ended, well or not. */
  readonly onReset: () => void;
  readonly log: Log;
}

/** Sets one actor per projection going, under one supervisor. */
export function startActors(options: ActorsOptions): Actor<typeof daemonMachine> {
  const { daemon, pools, highWaterMark, latency, workers, log, onReset, onScanned } = options;
  const { projections, bulkLimit = null } = daemon;
  const shared = pageSettings(options);
  const now = () => performance.now();
  const turns = new Mutex();
  const readTurns = new PageTurns(READ_PLACES);
  const inputs = projections.map((projection) => {
    const policy = resolvePolicy(daemon, projection.policy);
    const settings = { ...shared, policy };
    const { name } = projection;
    const label = { projection: name };
    latency.zero(label);
    const progress = new Progress(now, daemon.board?.slot(name), (seconds) => latency.observe(label, seconds));
    const start = options.starts.get(name);
    const runner = new ProjectionRunner({
      projection,
      settings,
      crashLoopGuard: new CrashLoopGuard({ sql: pools.views, name, start, events: bulkLimit ?? PAGE_MIN, turns, log }),
      reader: pools.reader,
      readTurns,
      highWaterMark,
      pageSize: bulkLimit,
      budget: pools.memory,
      progress,
      onScanned,
      log,
      now,
    });
    workers.set(name, { runner, progress, stallMs: stallLimit(policy, daemon.patience) });
    const operating = { ...settings, sql: pools.operators };
    const deadly = start?.halted === true;
    const operations = createProjectionOperations({
      projection,
      projections,
      runner,
      settings: operating,
      log,
      deadly,
      onReset,
    });
    return { name, operations, retryFailedAfterMs: policy.retryFailedAfterMs, backoff: BACKOFF };
  });
  const root = createActor(daemonMachine, {
    ...observers(options.inspect, daemon.inspect),
    input: { projections: inputs, backoff: BACKOFF, drainMs: DRAIN_MS },
  });
  // Without an observer for errors a bug in the supervisor would end the process as an uncaught exception.
  root.subscribe({ error: (error) => log.error({ err: error }, 'the supervisor died; restart the daemon') });
  root.start();
  root.send({ type: 'START' });
  return root;
}

function pageSettings({ daemon, owner, owners, pools, log }: ActorsOptions): Omit<PageSettings, 'policy'> {
  const { patience, failpoint } = daemon;
  return {
    sql: pools.work,
    turns: new PageTurns(pagePlaces(daemon.projections.length)),
    locks: new LockWatch({ sql: pools.views, owner, log }),
    // Not the head's, which may be waiting for `events` itself.
    control: pools.views,
    owner,
    owners,
    nextStatementMs: patience?.nextStatementMs,
    foldFrom: FOLD_FROM,
    // Whoever waits at the points of a page wants to see each of its steps.
    singleRoundTrip: failpoint === undefined || failpoint.only === 'committed',
    failpoint,
  };
}

/** A projection's machine, while it runs. */
export function childOf(root: Actor<typeof daemonMachine> | null, name: string): ProjectionActor | undefined {
  const children: SnapshotFrom<typeof daemonMachine>['children'] | undefined = root?.getSnapshot().children;
  const child = children?.[childId(name)] as ProjectionActor | undefined;
  return child?.getSnapshot().status === 'active' ? child : undefined;
}
