import type { EventMark } from '../event-store/event-source.ts';
import type { PageRequest, ReadPage } from '../event-store/read.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import type { PendingHalt, StoredHalt } from '../state/checkpoint-store.ts';
import type { GuardedMove, LockedState, MoveInTransaction, MoveResult, StateRow } from '../state/projection-state.ts';

/** The events that a projection reads. The event store implements it, and the daemon passes it in. */
export interface EventSource {
  /** Reads the next page, in order of position. */
  readPage(sql: Sql, request: PageRequest): Promise<ReadPage>;
  /**
   * Checks that the store still has the event of a stored cursor.
   * @throws EngineError HISTORY_AHEAD, HISTORY_DIVERGED
   */
  checkHistory(sql: Queryable, name: string, cursor: bigint, lastEventId: string | null): Promise<void>;
  /** Whether each of these events is still in the store, in the transaction of a page. */
  areInStore(tx: Tx, marks: readonly EventMark[]): Promise<boolean>;
}

/** The stored checkpoints of projections. The state room implements it, and the daemon passes it in. */
export interface CheckpointStore {
  /** @returns null if the projection has no row */
  read(sql: Queryable, name: string): Promise<StateRow | null>;
  /**
   * Locks the row for the transaction of a page.
   * @returns null if the projection has no row
   * @throws the driver's error 55P03 if another transaction holds the row
   */
  lock(tx: Tx, name: string): Promise<LockedState | null>;
  /** The lock of a page in a single round trip, whose row is compared by `moveOrFail`. */
  hold(sql: Queryable, name: string): Statement;
  /** Moves the cursor if the row is still as the page expects it (compare-and-set). */
  move(tx: Tx, move: MoveInTransaction): Promise<MoveResult>;
  /** The same for a page in a single round trip: it fails if the cursor does not move. */
  moveOrFail(sql: Queryable, move: GuardedMove): Statement;
  /** Stores a halt in a transaction of its own, and waits for the row at most `waitMs` milliseconds. */
  halt(sql: Sql, name: string, halt: PendingHalt, waitMs?: number): Promise<StoredHalt>;
  /** Clears the halt of the locked row. */
  clearHalt(tx: Tx, name: string): Promise<void>;
}
