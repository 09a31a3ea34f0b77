import { HALT_AT_ONCE, type Verdict } from '../core/failure-policy.ts';
import type { StoredStatus } from '../core/status.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { type EventFailure, recordFailure } from './failures.ts';
import {
  advance,
  advanceOrFail,
  type EventsSql,
  type GuardedMove,
  holdRow,
  lockState,
  type MoveInTransaction,
  readState,
} from './projection-state.ts';

/** A halt that was decided outside of a page's transaction. Nothing of the projection may run before it is stored. */
export interface PendingHalt {
  readonly failure: EventFailure;
  /** An alarm that only a RESET clears; null: the failure is all there is to report. */
  readonly alarm: string | null;
  /** Cursor and generation of the row when the halt was decided: if they have changed, the halt is void. Null: it holds in any case. */
  readonly at: { readonly cursor: bigint | null; readonly generation: bigint } | null;
}

/** Milliseconds that one attempt to store a halt waits for the row; the next attempt follows. */
const WAIT_MS = 2000;

export type StoredHalt =
  | { readonly kind: 'locked-by-other' }
  | { readonly kind: 'moved' }
  | {
      readonly kind: 'failed';
      readonly failure: EventFailure;
      readonly attempts: number;
      readonly verdict: Verdict;
      /** Status of the row before. A paused row stays paused, and the halt takes effect with RESUME. */
      readonly before: StoredStatus;
    };

/**
 * Stores a halt. Unlike a page it waits for the row (no NOWAIT): if it gave up at a locked row, the next page would run
 * the same handler again.
 * @returns locked-by-other: the row is still locked; moved: the row has moved since the halt was decided, nothing is stored
 */
export async function storeHalt(
  sql: Sql,
  name: string,
  { failure, alarm, at }: PendingHalt,
  waitMs = WAIT_MS,
): Promise<StoredHalt> {
  const stored = sql.begin(async (tx): Promise<StoredHalt> => {
    await tx`SELECT set_config('lock_timeout', ${String(waitMs)}, true)`;
    const [row] = await tx<{ status: StoredStatus; cursor: bigint; generation: bigint }[]>`
      SELECT status, cursor, generation FROM projection_state WHERE name = ${name} AND instance_id = '' FOR UPDATE`;
    if (row === undefined) return { kind: 'moved' };
    if (at !== null && (at.generation !== row.generation || (at.cursor ?? row.cursor) !== row.cursor))
      return { kind: 'moved' };
    const recorded = await recordFailure(tx, name, failure, HALT_AT_ONCE);
    await tx`
      UPDATE projection_state
      SET alarm = coalesce(${alarm}, alarm), status = ${row.status === 'paused' ? 'paused' : 'halted'},
          resume_to = CASE ${row.status} WHEN 'paused' THEN 'halted' ELSE resume_to END
      WHERE name = ${name} AND instance_id = ''`;
    return { kind: 'failed', failure, ...recorded, before: row.status };
  });
  return await stored.catch((error: unknown) => {
    if (isLockNotAvailable(error)) return { kind: 'locked-by-other' };
    throw error;
  });
}

/** Clears the halt of a row, in the transaction of the page that has applied the failed event. */
async function clearHalt(tx: Tx, name: string): Promise<void> {
  await tx`UPDATE projection_state SET status = 'running' WHERE name = ${name} AND instance_id = ''`;
}

/**
 * The checkpoints of projections, as the projector uses them, in projection_state.
 * @param events SQL expressions of the store whose positions the cursors are
 */
export function createCheckpointStore(events: EventsSql) {
  return {
    read: readState,
    lock: lockState,
    hold: holdRow,
    move: async (tx: Tx, move: MoveInTransaction) => await advance(tx, events, move),
    moveOrFail: (sql: Queryable, move: GuardedMove) => advanceOrFail(sql, events, move),
    halt: storeHalt,
    clearHalt,
  };
}
