import type { BrokerStatus } from '../core/broker.ts';
import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import type { ProjectionStatus, UnhandledEvents } from '../core/status.ts';
import type { WakeupCounts, WakeupMetrics } from '../feed/wakeup-metrics.ts';
import type { PoolCounts } from '../postgres/pool.ts';
import type { LatencyHistogram } from '../projector/latency.ts';
import type { PageMetrics } from '../projector/page-metrics.ts';
import type { Progress } from '../projector/progress.ts';
import type { DatabaseAvailability } from './database-availability.ts';
import type { Pools } from './pools.ts';
import type { RunningPublisher } from './publisher-port.ts';
import { readStatuses, type StatusSources } from './read-statuses.ts';
import type { StoredView } from './status.ts';

/** Everything that is measured about a daemon, as of one moment. */
export interface DaemonMetrics {
  readonly daemon: string;
  /** Whether the database answered the last look at it. */
  readonly databaseUp: boolean;
  /** Whether the last scheduled check found something wrong with the event store itself. */
  readonly storeWrong: boolean;
  /** The safe head; null before the first look and after a lost connection. */
  readonly head: bigint | null;
  /** Transactions that hold the head, with their age in seconds (null: this role may not see it). */
  readonly holders: readonly { readonly seconds: number | null }[];
  readonly projections: readonly ProjectionMetrics[];
  /** From append to visible row, by projection. It goes on counting. */
  readonly latency: LatencyHistogram;
  readonly hints: WakeupCounts;
  readonly unhandled: readonly UnhandledEvents[];
  readonly broker: BrokerStatus | null;
  readonly publisher: PublisherStatus | null;
  readonly pools: Readonly<Record<string, PoolCounts>>;
  /** Memory of the pages of all projections, and how many wait for some. */
  readonly pageMemory: { readonly held: number; readonly total: number; readonly waiting: number };
}

export interface ProjectionMetrics {
  readonly status: ProjectionStatus;
  /** Its rows can no longer be trusted: only a RESET helps. */
  readonly alarm: boolean;
  /** Events passed over since the last reset. */
  readonly skipped: number;
  readonly pages: PageMetrics;
  /** How long the projection has been waiting for a connection to apply its page; 0 while it does not. */
  readonly turnSeconds: number;
  /** How long the pull under way has been at one try of a page, or at reading; 0 while there is none. */
  readonly stalledSeconds: number;
  /** How long it has backed off without getting anywhere; 0 while it does not. */
  readonly backingOffSeconds: number;
}

/** The parts of a running daemon that know something about it. */
export interface MetricSources extends StatusSources {
  readonly pools: Pools;
  readonly databaseError: DatabaseAvailability;
  readonly latency: LatencyHistogram;
  readonly hints: WakeupMetrics;
  readonly broker: { status(): BrokerStatus } | null;
  readonly publisher: RunningPublisher | null;
}

/** All figures, with one reading of the database. */
export async function readMetrics(sources: MetricSources): Promise<DaemonMetrics> {
  const { highWaterMark, hints, pools, publisher } = sources;
  const { memory } = pools;
  const { projections, views } = await readStatuses(sources);
  return {
    daemon: sources.owner,
    databaseUp: !sources.databaseError.away,
    storeWrong: sources.storeProblem !== null,
    head: highWaterMark.latest(),
    holders: highWaterMark.holders(),
    projections: projections.flatMap((status) => {
      const progress = sources.workers.get(status.name)?.progress;
      return progress === undefined ? [] : [ofProjection(status, views.get(status.name), progress)];
    }),
    latency: sources.latency,
    hints: hints.metrics(highWaterMark.latest() ?? 0n),
    unhandled: highWaterMark.unhandled(),
    broker: sources.broker?.status() ?? null,
    publisher: publisher?.status(views.get(PUBLISHER_NAME) ?? null) ?? null,
    pools: {
      work: pools.work.counts(),
      read: pools.reader.counts(),
      head: pools.control.counts(),
      operator: pools.operators.counts(),
      view: pools.views.counts(),
      ...(publisher === null ? {} : { publish: publisher.connections() }),
    },
    pageMemory: { held: memory.held, total: memory.total, waiting: memory.waiting },
  };
}

function ofProjection(status: ProjectionStatus, view: StoredView | undefined, progress: Progress): ProjectionMetrics {
  return {
    status,
    alarm: (view?.alarm ?? null) !== null,
    skipped: view?.skipped ?? 0,
    pages: progress.pages.metrics(),
    turnSeconds: progress.waitedMs / 1000,
    stalledSeconds: progress.stalledMs / 1000,
    backingOffSeconds:
      status.backingOffSince === null ? 0 : Math.max(0, (Date.now() - Date.parse(status.backingOffSince)) / 1000),
  };
}
