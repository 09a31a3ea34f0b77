import type { BrokerStatus } from '../core/broker.ts';
import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { HintFigures, HintMetrics } from '../feed/hint-metrics.ts';
import type { LatencyFigures } from '../feed/latency.ts';
import type { PoolCounts } from '../store/connect.ts';
import type { DatabaseTrouble } from './database-trouble.ts';
import type { Heads } from './heads.ts';
import type { PageFigures } from './page-meter.ts';
import type { Pools } from './pools.ts';
import type { Progress } from './progress.ts';
import type { RunningPublisher } from './publisher-port.ts';
import type { Puller } from './puller.ts';
import { type ProjectionSnapshot, type StoredView, toStatus } from './status.ts';
import type { StoreWatch } from './store-watch.ts';
import type { StoredViews } from './stored-views.ts';

/** Everything that is measured about a daemon, as of one moment. */
export interface DaemonFigures {
  readonly daemon: string;
  /** Whether the database answered the last look at it. */
  readonly databaseUp: boolean;
  /** Whether the last scheduled check found something wrong with the event store itself. */
  readonly storeWrong: boolean;
  /** The safe head; null before the first look and after a lost connection. */
  readonly head: bigint | null;
  /** Transactions that hold the head, with their age in seconds (null: this role may not see it). */
  readonly holders: readonly { readonly seconds: number | null }[];
  readonly projections: readonly ProjectionFigures[];
  readonly hints: HintFigures;
  readonly broker: BrokerStatus | null;
  readonly publisher: PublisherStatus | null;
  readonly pools: Readonly<Record<string, PoolCounts>>;
}

export interface ProjectionFigures {
  readonly status: ProjectionStatus;
  /** Its rows can no longer be trusted: only a RESET helps. */
  readonly alarm: boolean;
  readonly pages: PageFigures;
  /** From append to visible row. */
  readonly latency: LatencyFigures;
  /** How long the pull under way has got nowhere; 0 while there is none. */
  readonly stalledSeconds: number;
}

/** The parts of a running daemon that know something about it. */
export interface FigureSources {
  readonly id: string;
  readonly names: readonly string[];
  readonly pools: Pools;
  readonly heads: Heads;
  readonly stored: StoredViews;
  readonly watch: StoreWatch | null;
  readonly trouble: DatabaseTrouble;
  readonly pullers: ReadonlyMap<string, Puller>;
  readonly progress: ReadonlyMap<string, Progress>;
  readonly hints: HintMetrics;
  readonly broker: { status(): BrokerStatus } | null;
  readonly publisher: RunningPublisher | null;
  readonly snapshotOf: (name: string) => ProjectionSnapshot | null;
}

interface Seen {
  readonly projections: readonly ProjectionStatus[];
  readonly views: ReadonlyMap<string, StoredView>;
}

/** How every projection stands, and what is stored about each (the publisher too). One reading of the database. */
export async function readStatus(sources: FigureSources): Promise<Seen> {
  const { id, names, heads, stored, pools, watch } = sources;
  // States first, then rows: a failure is stored before its projection is shown as failed, so it is never missing.
  const snapshots = new Map(names.map((name) => [name, sources.snapshotOf(name)]));
  const { views, failures, away } = await stored.read(pools.work);
  const head = heads.latest() ?? 0n;
  const holders = heads.holders();
  const projections = names.map((name) =>
    toStatus({
      name,
      snapshot: snapshots.get(name) ?? null,
      view: views.get(name),
      failure: failures.get(name) ?? null,
      scanned: sources.pullers.get(name)?.scanned(views.get(name)?.generation ?? 0n) ?? 0n,
      head,
      holders,
      storeProblem: away ?? watch?.problem() ?? null,
      ratePerSecond: sources.progress.get(name)?.ratePerSecond ?? 0,
      owner: id,
    }),
  );
  return { projections, views };
}

/** All figures, with one reading of the database. */
export async function readFigures(sources: FigureSources): Promise<DaemonFigures> {
  const { heads, hints, pools, publisher } = sources;
  const { projections, views } = await readStatus(sources);
  return {
    daemon: sources.id,
    databaseUp: !sources.trouble.away,
    storeWrong: (sources.watch?.problem() ?? null) !== null,
    head: heads.latest(),
    holders: heads.holders(),
    projections: projections.flatMap((status) => {
      const progress = sources.progress.get(status.name);
      if (progress === undefined) return [];
      const alarm = (views.get(status.name)?.alarm ?? null) !== null;
      const { pages, latency, stalledMs } = progress;
      const stalledSeconds = stalledMs / 1000;
      return [{ status, alarm, pages: pages.figures(), latency: latency.figures(status.name), stalledSeconds }];
    }),
    hints: hints.figures(heads.latest() ?? 0n),
    broker: sources.broker?.status() ?? null,
    publisher: publisher?.status(views.get(PUBLISHER_NAME) ?? null) ?? null,
    pools: {
      work: pools.work.counts(),
      read: pools.reader.counts(),
      head: pools.control.counts(),
      ...(publisher === null ? {} : { publish: publisher.connections() }),
    },
  };
}
