import { EngineError } from '../core/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { STORE_COLUMNS } from './checks.ts';

/**
 * Refuses a table `events` that another program has made, before anything is written: `CREATE TABLE IF NOT EXISTS` would
 * take it for the event store, and the next statements would fail with an error about one column, or change the table.
 * @throws EngineError STORE_COLUMNS
 */
export async function refuseForeignStore(sql: Queryable, schema: string): Promise<void> {
  const [found] = await sql<{ table: string; stored: boolean; columns: readonly string[]; identity: boolean }[]>`
    SELECT format('%I.%I', n.nspname, c.relname) AS table, c.relkind IN ('r', 'p') AS stored,
           coalesce(array_agg(a.attname::text), '{}') AS columns,
           CASE WHEN bool_or(a.attname = 'position')
                THEN pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), 'position') IS NOT NULL
                ELSE false END AS identity
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = ${schema} AND c.relname = 'events' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY c.oid, c.relname, c.relkind, n.nspname`;
  if (found === undefined) return;
  const { table, stored, columns, identity } = found;
  const missing = STORE_COLUMNS.filter((column) => !columns.includes(column));
  if (!stored) missing.unshift('rows of its own (it is no table)');
  else if (missing.length === 0 && !identity) missing.push('an identity on position');
  if (missing.length > 0) throw new EngineError('STORE_COLUMNS', { table, columns: missing.join(', ') });
}
