import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { Projection } from '../core/projection.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import type { Worker } from './actors.ts';
import type { StateCache } from './state-cache.ts';
import { type StoredView, toStatus } from './status.ts';

export interface StatusSources {
  readonly projections: readonly Projection[];
  readonly sql: Sql;
  readonly stored: StateCache;
  readonly highWaterMark: HighWaterMarkCache;
  readonly workers: ReadonlyMap<string, Worker>;
  /** Null where no machine runs. */
  readonly snapshot: (name: string) => ProjectionSnapshot | null;
  /** What the last scheduled check found wrong with the store. */
  readonly storeProblem: string | null;
  /** Since when a projection backs off, in milliseconds since 1970; null while it does not. */
  readonly backingOffSince: (name: string) => number | null;
  readonly owner: string;
}

/** How every projection stands, and what is stored about each (the publisher too). */
export interface Statuses {
  readonly projections: readonly ProjectionStatus[];
  readonly views: ReadonlyMap<string, StoredView>;
}

/** One look at the database. */
export async function readStatuses(sources: StatusSources): Promise<Statuses> {
  const { projections: declared, sql, stored, highWaterMark, workers, owner } = sources;
  // States first, then rows: a failure is stored before its projection is shown as failed, so it is never missing.
  const snapshots = new Map(declared.map(({ name }) => [name, sources.snapshot(name)]));
  const { views, failures, away, refused } = await stored.read(sql);
  // After a poll that was refused, and while the rows cannot be read, the last mark says nothing of the lag.
  const head = away === null ? highWaterMark.latest() : null;
  const holders = highWaterMark.holders();
  const projections = declared.map(({ name, tables }) =>
    toStatus({
      name,
      tables: [...tables.keys()],
      snapshot: snapshots.get(name) ?? null,
      view: views.get(name),
      failure: failures.get(name) ?? null,
      historyCode: workers.get(name)?.runner.historyCode ?? null,
      scanned: workers.get(name)?.runner.checkpoint.readPositionIn(views.get(name)?.generation ?? 0n) ?? 0n,
      head,
      secondsAbove: (cursor) => highWaterMark.secondsAbove(cursor, workers.get(name)?.progress.generationSince ?? 0),
      holders,
      storeProblem: refused ? (sources.storeProblem ?? away) : (away ?? sources.storeProblem),
      backingOffSince: sources.backingOffSince(name),
      waitsForRoom: workers.get(name)?.runner.waitsForRoom ?? false,
      waitedMs: workers.get(name)?.progress.waitedMs ?? 0,
      lockedBy: workers.get(name)?.progress.lockedBy ?? null,
      ratePerSecond: workers.get(name)?.progress.ratePerSecond ?? 0,
      inOrder: workers.get(name)?.runner.inOrder ?? [],
      owner,
    }),
  );
  return { projections, views };
}
