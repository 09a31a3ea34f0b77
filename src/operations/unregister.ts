import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { remainingTables } from '../event-store/table-ids.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';

const LOCK_MS = 5_000;

/**
 * Removes the position, the failures and the attempts of a projection that is no longer declared, in one transaction, after
 * a page in flight has ended. The tables that it filled stay. The audit trail stays too: its commands, of which the pending
 * ones end as failed, and its transitions, the last of which records this. Old ones are pruned later: see `tidyCommands`.
 * @param options `declared`: names that are refused; `by`: the id of this daemon
 * @returns the tables of the projection's last declaration that still exist; a table that was replaced by another one of the
 *   same name is left out
 * @throws EngineError FORGET_REFUSED, PROJECTION_UNKNOWN
 */
export async function unregister(
  sql: Sql,
  name: string,
  { declared, by }: { readonly declared: readonly string[]; readonly by: string },
): Promise<readonly string[]> {
  const refused = (reason: string) => new EngineError('FORGET_REFUSED', { name, reason });
  if (name === PUBLISHER_NAME) throw refused('without its row the publisher would send every event again');
  if (declared.includes(name)) throw refused('this daemon declares it; take it out of `projections` and restart first');
  try {
    return await sql.begin(async (tx) => {
      await tx.unsafe(`SET LOCAL lock_timeout = ${LOCK_MS}`);
      const gone = await tx<{ tables: readonly string[] }[]>`
        WITH gone AS (DELETE FROM projection_state WHERE name = ${name} RETURNING tables, table_ids, status, cursor), noted AS (
          INSERT INTO projection_transitions (name, from_state, to_state, cause, detail, position, daemon, at)
          SELECT ${name}, status, 'forgotten', 'FORGET', 'its tables stay: ' || array_to_string(tables, ', '), cursor, ${by},
                 clock_timestamp()
          FROM gone)
        SELECT ${remainingTables(tx)} AS tables FROM gone`;
      if (gone.length === 0) throw new EngineError('PROJECTION_UNKNOWN', { name, known: await rowsOf(tx) });
      await tx`DELETE FROM readviews WHERE name = ${name}`;
      await tx`DELETE FROM projection_failures WHERE name = ${name}`;
      await tx`DELETE FROM projection_attempts WHERE name = ${name}`;
      // A later projection of the same name must not get the commands that were meant for this one.
      await tx`
        UPDATE projection_commands
        SET state = 'failed', carried_out_by = ${by}, ended_at = clock_timestamp(), code = 'PROJECTION_UNKNOWN',
            message = format('%L was forgotten before this was carried out', name)
        WHERE name = ${name} AND state = 'pending'`;
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
