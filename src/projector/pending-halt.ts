import { HALT_AT_ONCE, type Verdict } from '../core/failure-policy.ts';
import type { StoredStatus } from '../core/status.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { type EventFailure, recordFailure } from '../state/failures.ts';

/** A halt that was decided without the projection's row. Nothing of the projection may run before it is stored. */
export interface PendingHalt {
  readonly failure: EventFailure;
  /** What only a reset clears; null: the failure says everything. */
  readonly alarm: string | null;
  /** Where the row stood when the halt was decided. Elsewhere the halt is void. Null: it holds wherever the row stands. */
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
      /** As the row said before. Paused: it stays so, and the halt comes with RESUME. */
      readonly before: StoredStatus;
    };

/**
 * Stores a halt. Not NOWAIT, as a page: if a row that is held made us give up, the next page would run the same handler
 * again.
 * @returns elsewhere: the row is still held; moved: the row is not where the halt was decided, so there is none
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
