import type { BrokerStatus } from '../core/broker.ts';
import { systemClock } from '../core/clock.ts';
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

/** All metrics of a daemon at one moment. */
export interface DaemonMetrics {
  readonly daemon: string;
  /** Whether the last poll of the database succeeded. */
  readonly databaseUp: boolean;
  /** Whether the last scheduled check found a problem of the event store itself. */
  readonly storeWrong: boolean;
  /** The high-water mark; null before the first poll and after a lost connection. */
  readonly head: bigint | null;
  /** Transactions that hold the high-water mark back, with their age in seconds (null: this role may not see it). */
  readonly holders: readonly { readonly seconds: number | null }[];
  readonly projections: readonly ProjectionMetrics[];
  /** From append to visible row, by projection. It goes on counting. */
  readonly latency: LatencyHistogram;
  readonly hints: WakeupCounts;
  readonly unhandled: readonly UnhandledEvents[];
  readonly broker: BrokerStatus | null;
  readonly publisher: PublisherStatus | null;
  readonly pools: Readonly<Record<string, PoolCounts>>;
  /** Memory of the pages of all projections, and the number of projections that wait for memory. */
  readonly pageMemory: { readonly held: number; readonly total: number; readonly waiting: number };
}

export interface ProjectionMetrics {
  readonly status: ProjectionStatus;
  /** Its rows may be wrong: it needs a RESET. */
  readonly alarm: boolean;
  /** Events passed over since the last reset. */
  readonly skipped: number;
  readonly pages: PageMetrics;
  /** How long the projection has been waiting for a connection to apply its page; 0 if it does not wait. */
  readonly turnSeconds: number;
  /** How long the present run has been at one try of a page, or at reading; 0 if there is no run. */
  readonly stalledSeconds: number;
  /** How long it has backed off without progress; 0 if it does not back off. */
  readonly backingOffSeconds: number;
}

/** The parts of a running daemon that provide metrics. */
export interface MetricSources extends StatusSources {
  readonly pools: Pools;
  readonly databaseError: DatabaseAvailability;
  readonly latency: LatencyHistogram;
  readonly hints: WakeupMetrics;
  readonly broker: { status(): BrokerStatus } | null;
  readonly publisher: RunningPublisher | null;
}

/** All metrics, with one read of the database. */
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
      status.backingOffSince === null
        ? 0
        : Math.max(0, (systemClock.wallClock() - Date.parse(status.backingOffSince)) / 1000),
  };
}
