import type { FailurePolicy } from '../core/failure-policy.ts';
import type { PageTurns } from '../core/page-turns.ts';
import type { Projection } from '../core/projection.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { Page } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { Catalog } from '../read-model/catalog.ts';
import type { FailpointHook } from './failpoint.ts';
import type { LockWatch } from './lock-watch.ts';
import type { Progress } from './progress.ts';

export interface PageWork {
  readonly projection: Projection;
  readonly page: Page;
  /** Id of the event at `page.after`, where events were passed over up to there that the stored row does not show. */
  readonly afterId?: string | null;
  /** What the stored row must say, or the page was made for another place. */
  readonly cursor: bigint;
  readonly generation: bigint;
  /** Greatest epoch second of all events between the cursor and the beginning of the page, or before them. Default null: there are none. */
  readonly newest?: bigint | null;
  readonly replayUntil: bigint;
  /** An attempt goes through a stored halt. */
  readonly attempt: boolean;
  /** What was read of the projection's tables; a page that finds it outdated reads it again. */
  readonly catalog: Catalog;
  /** Told of each try and of what takes how long. Default nobody. */
  readonly progress?: Progress;
}

export interface PageSettings {
  readonly sql: Sql;
  /** Sessions of `sql` are ended from here, when a page runs into its deadline. */
  readonly control: Sql;
  /** In front of the connections of `sql`. */
  readonly turns?: PageTurns;
  /** Finds out whose locks a page waits for. */
  readonly locks?: LockWatch;
  readonly owner: string;
  readonly owners: TableOwners;
  readonly policy: FailurePolicy;
  /** Milliseconds the server waits for the next statement of a page before it ends the transaction. Default 15000. */
  readonly nextStatementMs?: number | undefined;
  /** Pages of at least this many events are folded into set-based statements. */
  readonly foldFrom: number;
  /** A smaller page is tried in one round trip before it is gone through step by step. Default false. */
  readonly singleRoundTrip?: boolean;
  readonly failpoint?: FailpointHook | undefined;
}

/** The later of two epoch seconds, either of which may be missing. */
export function newestTime(one: bigint | null, other: bigint | null): bigint | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}
