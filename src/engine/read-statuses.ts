import type { ProjectionStatus } from '../core/status.ts';
import type { Sql } from '../store/connect.ts';
import type { Heads } from './heads.ts';
import type { Progress } from './progress.ts';
import type { Puller } from './puller.ts';
import { type ProjectionSnapshot, toStatus } from './status.ts';
import type { StoredViews } from './stored-views.ts';

export interface AllStatuses {
  readonly names: readonly string[];
  /** Null: its actor is not running. */
  readonly snapshotOf: (name: string) => ProjectionSnapshot | null;
  readonly stored: StoredViews;
  readonly sql: Sql;
  readonly heads: Heads;
  readonly pullers: ReadonlyMap<string, Puller>;
  readonly progress: ReadonlyMap<string, Progress>;
  readonly storeProblem: string | null;
  readonly owner: string;
}

/** Every projection as it stands. */
export async function readStatuses(parts: AllStatuses): Promise<readonly ProjectionStatus[]> {
  const { names, heads, pullers, progress, owner } = parts;
  // States first, then rows: a failure is stored before its projection is shown as failed, so it is never missing.
  const snapshots = new Map(names.map((name) => [name, parts.snapshotOf(name)]));
  const { views, failures, away } = await parts.stored.read(parts.sql);
  const head = heads.latest() ?? 0n;
  const holders = heads.holders();
  return names.map((name) =>
    toStatus({
      name,
      snapshot: snapshots.get(name) ?? null,
      view: views.get(name),
      failure: failures.get(name) ?? null,
      scanned: pullers.get(name)?.scanned(views.get(name)?.generation ?? 0n) ?? 0n,
      head,
      holders,
      storeProblem: away ?? parts.storeProblem,
      ratePerSecond: progress.get(name)?.ratePerSecond ?? 0,
      owner,
    }),
  );
}
