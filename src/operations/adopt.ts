import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { claimsOf } from '../core/table-owners.ts';
import { newestWithin } from '../event-store/newest.ts';
import { recordIds } from '../event-store/table-ids.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import { lockClaims, objections } from '../state/claims.ts';
import { tablesOf } from '../state/start-over.ts';

const LOCK_MS = 5_000;

export interface AdoptOptions {
  readonly projection: Projection;
  /** The rows count as the result of every event up to this position. */
  readonly position: bigint;
  /** The high-water mark: no further event can appear at or below it. */
  readonly head: bigint;
  readonly owner: string;
}

/**
 * Gives a refused projection its tables together with the rows that they contain. The generation increases, so that the
 * workers of every daemon notice the change.
 * @throws EngineError ADOPT_REFUSED, TABLE_SHARED, TABLE_UNFIT, PROJECTION_ROW_MISSING: nothing has changed
 */
export async function adopt(sql: Sql, options: AdoptOptions): Promise<{ readonly generation: bigint }> {
  const { projection, position, head, owner } = options;
  const { name } = projection;
  const refuse = (reason: string) => new EngineError('ADOPT_REFUSED', { name, reason });
  if (position > head) throw refuse(`position ${position} is above ${head}, up to where events are stored`);
  const checkRefused = async (from: Queryable, lock: Statement<readonly object[]>): Promise<void> => {
    const [row] = await from<{ refused: string | null }[]>`
      SELECT refused FROM projection_state WHERE name = ${name} AND instance_id = '' ${lock}`;
    if (row === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
    if (row.refused === null) throw refuse('its tables are its own already');
  };
  // This reads every event up to the position, in many statements, so it runs before anything is locked. Below the
  // high-water mark its result does not change.
  await checkRefused(sql, sql``);
  const newest = await newestWithin(sql, 0n, position);
  try {
    return await sql.begin(async (tx) => {
      await tx`SELECT set_config('lock_timeout', ${String(LOCK_MS)}, true)`;
      await lockClaims(tx, 'exclusive');
      await checkRefused(tx, tx`FOR UPDATE`);
      const against = await objections(tx, claimsOf([projection]), { filled: false });
      for (const error of against.values()) throw error;
      const [adopted] = await tx<[{ generation: bigint }]>`
        WITH last AS (
          SELECT position, id FROM events WHERE position <= ${position} ORDER BY position DESC LIMIT 1
        ), published AS (
          UPDATE readviews SET position = ${newest ?? 0n} WHERE name = ${name}
        )
        UPDATE projection_state
        SET refused = NULL, tables = string_to_array(${tablesOf(projection)}, ','), version = ${projection.version},
            cursor = coalesce((SELECT position FROM last), 0), last_event_id = (SELECT id FROM last),
            generation = generation + 1, starts = 0, owner = ${owner}, updated_at = now()
        WHERE name = ${name} AND instance_id = '' RETURNING generation`;
      await recordIds(tx, [name]);
      return adopted;
    });
  } catch (error) {
    if (isLockNotAvailable(error)) throw refuse('another daemon works on it; try again in a moment');
    throw error;
  }
}
