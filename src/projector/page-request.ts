import type { FailurePolicy } from '../core/failure-policy.ts';
import type { PageTurns } from '../core/page-turns.ts';
import type { Projection } from '../core/projection.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { Page } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { Catalog } from '../read-model/catalog.ts';
import type { FailpointHook } from './failpoint.ts';
import type { LockWatch } from './lock-watch.ts';
import type { CheckpointStore, EventSource } from './ports.ts';
import type { Progress } from './progress.ts';

export interface PageWork {
  readonly projection: Projection;
  readonly page: Page;
  /** Id of the event at `page.after`, if that is above the stored cursor: events up to there were passed over. */
  readonly afterId?: string | null;
  /** Cursor and generation that the stored row must have; otherwise the page does not belong to it. */
  readonly cursor: bigint;
  readonly generation: bigint;
  /** Greatest epoch second of all events that were passed over before the page. Default null: there are none. */
  readonly newest?: bigint | null;
  readonly replayUntil: bigint;
  /** Whether the page is an attempt at a failed event, which is applied also if the row is halted. */
  readonly attempt: boolean;
  /** The catalog of the projection's tables. A page that finds it outdated reads it again. */
  readonly catalog: Catalog;
  /** Records each try and its durations. Default: none. */
  readonly progress?: Progress;
}

export interface PageSettings {
  readonly events: EventSource;
  readonly checkpoints: CheckpointStore;
  readonly sql: Sql;
  /** The connection that ends a session of `sql` when a page exceeds its deadline. */
  readonly control: Sql;
  /** Turns for the connections of `sql`. Undefined: there are enough connections. */
  readonly turns?: PageTurns;
  /** Finds the holders of the locks for which a page waits. */
  readonly locks?: LockWatch;
  readonly owner: string;
  readonly owners: TableOwners;
  readonly policy: FailurePolicy;
  /** Milliseconds the server waits for the next statement of a page before it ends the transaction. Default 15000. */
  readonly nextStatementMs?: number | undefined;
  /** Pages of at least this many events are folded into set-based statements. */
  readonly foldFrom: number;
  /** Whether a smaller page is tried in one round trip before it is applied step by step. Default false. */
  readonly singleRoundTrip?: boolean;
  readonly failpoint?: FailpointHook | undefined;
}

/** The later of two epoch seconds; null stands for none. */
export function newestTime(one: bigint | null, other: bigint | null): bigint | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}
