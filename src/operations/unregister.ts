import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';

const LOCK_MS = 5_000;

/**
 * Removes every row about a projection that is declared no more, in one transaction. A page in flight ends first. The
 * tables that it filled are left.
 * @param declared names that may not be forgotten
 * @returns the tables that are left, as the projection's last start declared them and as far as they are still there
 * @throws EngineError FORGET_REFUSED, PROJECTION_UNKNOWN
 */
export async function forget(sql: Sql, name: string, declared: readonly string[]): Promise<readonly string[]> {
  const refused = (reason: string) => new EngineError('FORGET_REFUSED', { name, reason });
  if (name === PUBLISHER_NAME) throw refused('without its row the publisher would send every event again');
  if (declared.includes(name)) throw refused('this daemon declares it; take it out of `projections` and restart first');
  try {
    return await sql.begin(async (tx) => {
      await tx.unsafe(`SET LOCAL lock_timeout = ${LOCK_MS}`);
      const gone = await tx<{ tables: readonly string[] }[]>`
        WITH gone AS (DELETE FROM projection_state WHERE name = ${name} RETURNING tables)
        SELECT ARRAY(SELECT DISTINCT t FROM unnest(tables) AS t WHERE to_regclass(quote_ident(t)) IS NOT NULL ORDER BY t)
               AS tables FROM gone`;
      if (gone.length === 0) throw new EngineError('PROJECTION_UNKNOWN', { name, known: await rowsOf(tx) });
      await tx`DELETE FROM readviews WHERE name = ${name}`;
      await tx`DELETE FROM projection_failures WHERE name = ${name}`;
      await tx`DELETE FROM projection_attempts WHERE name = ${name}`;
      await tx`DELETE FROM projection_commands WHERE name = ${name}`;
      await tx`DELETE FROM projection_transitions WHERE name = ${name}`;
      return [...new Set(gone.flatMap(({ tables }) => tables))];
    });
  } catch (error) {
    if (isLockNotAvailable(error)) throw refused('another daemon works on it; stop that one first');
    throw error;
  }
}

async function rowsOf(sql: Queryable): Promise<string> {
  const rows = await sql<{ name: string }[]>`
    SELECT DISTINCT name FROM projection_state WHERE name <> ${PUBLISHER_NAME} ORDER BY name`;
  return rows.map(({ name }) => name).join(', ');
}
