import { EngineError } from '../core/errors.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Projection } from '../core/projection.ts';
import type { Sql } from './connect.ts';
import { lend } from './transaction.ts';

/** How long a reset waits for readers and for the page in flight. Longer would queue every later reader behind it. */
const LOCK_TIMEOUT = '5s';

/**
 * Empties a projection's tables and puts it back to 0, all in one short transaction: either everything is as before, or
 * the next page starts from the first event. The generation counts up, so a page planned before the reset can never
 * commit after it. Halt, failures and alarm are cleared; a pause stays.
 *
 * TRUNCATE names every table and never cascades: a table of somebody else must not be emptied silently.
 * @returns the new generation
 * @throws EngineError RESET_FAILED, PROJECTION_ROW_MISSING; nothing has changed then
 */
export async function reset(sql: Sql, projection: Projection, owner: string): Promise<bigint> {
  const { name } = projection;
  try {
    return await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
      const [row] = await tx<{ generation: bigint }[]>`
        UPDATE projection_state
        SET cursor = 0, last_event_id = NULL, generation = generation + 1, version = ${projection.version}, alarm = NULL,
            status = CASE status WHEN 'halted' THEN 'running' ELSE status END, owner = ${owner}, updated_at = now()
        WHERE name = ${name} AND instance_id = ''
        RETURNING generation`;
      if (row === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
      await tx`UPDATE readviews SET position = 0 WHERE name = ${name}`;
      await tx`DELETE FROM projection_failures WHERE name = ${name} AND instance_id = ''`;
      if (projection.reset !== null) await projection.reset({ tx: lend(tx) });
      else await tx.unsafe(`TRUNCATE ${[...projection.tables.keys()].map(quoteIdentifier).join(', ')}`);
      return row.generation;
    });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      'RESET_FAILED',
      { name, reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
}
