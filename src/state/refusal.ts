import type { EngineError } from '../core/errors.ts';
import { replacedTable } from '../event-store/table-ids.ts';
import type { Sql } from '../postgres/pool.ts';
import { lockClaims } from './claims.ts';
import { readShared, refuseShared } from './overlaps.ts';

/** For locks that a page, a reset or a registration may hold. The caller tries again after this error. */
const LOCK_TIMEOUT = '2s';

/**
 * Refuses the projections whose tables overlap by now (`refuseShared`), in a transaction of its own.
 * @returns their names
 */
export async function refuseOverlapping(sql: Sql): Promise<readonly string[]> {
  if ((await readShared(sql)).length === 0) return [];
  return await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await lockClaims(tx, 'exclusive');
    return await refuseShared(tx);
  });
}

/**
 * Stores the error TABLE_REPLACED as the refusal of a projection. Does nothing if its tables are its own again, because a
 * reset or an adoption came first.
 */
export async function refuseReplaced(sql: Sql, { fields, message }: EngineError): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await tx`
      UPDATE projection_state AS s SET refused = ${message}, updated_at = now()
      WHERE s.name = ${String(fields['name'])} AND s.instance_id = '' AND ${replacedTable(tx)} IS NOT NULL`;
  });
}
