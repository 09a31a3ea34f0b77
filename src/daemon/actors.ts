import { type Actor, createActor, type SnapshotFrom } from 'xstate';
import { childId, daemonMachine, type ProjectionActor } from '../../machines/daemon.ts';
import { type Observer, observers } from '../../machines/observers.ts';
import { systemClock } from '../core/clock.ts';
import { type FailurePolicy, resolvePolicy } from '../core/failure-policy.ts';
import type { Log } from '../core/log.ts';
import { PageTurns } from '../core/page-turns.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { eventSource, eventsSql } from '../event-store/event-source.ts';
import { CrashLoopGuard, Mutex } from '../projector/crash-loop-guard.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';
import type { LatencyHistogram } from '../projector/latency.ts';
import { LockWatch } from '../projector/lock-watch.ts';
import type { PageSettings } from '../projector/page-request.ts';
import { PAGE_MIN } from '../projector/page-size-bounds.ts';
import { Progress } from '../projector/progress.ts';
import { ProjectionRunner } from '../projector/run-loop.ts';
import type { StartNote } from '../state/attempts.ts';
import { createCheckpointStore } from '../state/checkpoint-store.ts';
import { stallLimit } from './health.ts';
import type { DaemonOptions } from './options.ts';
import { PAGES_READ_AT_ONCE, type Pools, pagesAppliedAtOnce } from './pools.ts';
import { createProjectionOperations } from './projection-operations.ts';

/** The implementations of the projector's ports. */
export const PROJECTOR_PORTS = { events: eventSource, checkpoints: createCheckpointStore(eventsSql) } as const;

const BACKOFF = { baseMs: 200, capMs: 30_000 } as const;
const DRAIN_MS = 10_000;
const FOLD_FROM = 10;

/** The parts of one projection beside its machine. */
export interface Worker {
  readonly runner: ProjectionRunner;
  readonly progress: Progress;
  /** Milliseconds within which a run without progress must end. */
  readonly stallMs: number;
}

export interface ActorsOptions {
  readonly daemon: Pick<
    DaemonOptions,
    'projections' | 'bulkLimit' | 'timeouts' | 'failpoint' | 'board' | 'inspect' | keyof FailurePolicy
  >;
  readonly owner: string;
  readonly owners: TableOwners;
  readonly pools: Pools;
  readonly highWaterMark: HighWaterMarkSource;
  readonly latency: LatencyHistogram;
  /** The worker of each projection is added here. */
  readonly workers: Map<string, Worker>;
  /** Receives what the actors do, before the daemon's `inspect`. */
  readonly inspect: Observer;
  /** Called when a projection has read more events. It must not throw. */
  readonly onScanned: () => void;
  /** What is stored about earlier processes, by projection. */
  readonly starts: ReadonlyMap<string, StartNote>;
  /** Called when a reset has ended, with success or not. */
  readonly onReset: () => void;
  readonly log: Log;
}

/** Starts one actor per projection, under one supervisor. */
export function startActors(options: ActorsOptions): Actor<typeof daemonMachine> {
  const { daemon, pools, highWaterMark, latency, workers, log, onReset, onScanned } = options;
  const { projections, bulkLimit = null } = daemon;
  const shared = pageSettings(options);
  const { now } = systemClock;
  const mutex = new Mutex();
  const readTurns = new PageTurns(PAGES_READ_AT_ONCE);
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
      crashLoopGuard: new CrashLoopGuard({ sql: pools.views, name, start, events: bulkLimit ?? PAGE_MIN, mutex, log }),
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
    workers.set(name, { runner, progress, stallMs: stallLimit(policy, daemon.timeouts) });
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
  const { timeouts, failpoint } = daemon;
  return {
    ...PROJECTOR_PORTS,
    sql: pools.work,
    turns: new PageTurns(pagesAppliedAtOnce(daemon.projections.length)),
    locks: new LockWatch({ sql: pools.views, owner, log }),
    // Not the pool of the high-water mark, which may itself be waiting for `events`.
    control: pools.views,
    owner,
    owners,
    nextStatementMs: timeouts?.nextStatementMs,
    foldFrom: FOLD_FROM,
    // Failpoints need every step, so a page with failpoints is applied step by step.
    singleRoundTrip: failpoint === undefined || failpoint.only === 'committed',
    failpoint,
  };
}

/** The actor of a projection; undefined if it does not run. */
export function childOf(root: Actor<typeof daemonMachine> | null, name: string): ProjectionActor | undefined {
  const children: SnapshotFrom<typeof daemonMachine>['children'] | undefined = root?.getSnapshot().children;
  const child = children?.[childId(name)] as ProjectionActor | undefined;
  return child?.getSnapshot().status === 'active' ? child : undefined;
}
