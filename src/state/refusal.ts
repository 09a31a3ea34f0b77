import type { EngineError } from '../core/errors.ts';
import { replacedTable } from '../event-store/table-oids.ts';
import type { Sql } from '../postgres/pool.ts';

/** For the row, which a page or a reset may hold. Who runs into it tries again. */
const LOCK_TIMEOUT = '2s';

/**
 * Stores that a projection is refused its tables, as TABLE_REPLACED says. Void where they are its own again: then a reset
 * or an adoption came first.
 */
export async function refuseReplaced(sql: Sql, { fields, message }: EngineError): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await tx`
      UPDATE projection_state AS s SET refused = ${message}, updated_at = now()
      WHERE s.name = ${String(fields['name'])} AND s.instance_id = '' AND ${replacedTable(tx)} IS NOT NULL`;
  });
}
