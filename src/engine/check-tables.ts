import { EngineError } from '../core/errors.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { Queryable } from '../store/connect.ts';

/** @throws EngineError TABLE_MISSING: better at the start than as a failure of the first event. */
export async function checkTables(sql: Queryable, owners: TableOwners): Promise<void> {
  const missing = await sql<{ table: string }[]>`
    SELECT t.name AS table FROM unnest(${[...owners.keys()]}::text[]) AS t (name) WHERE to_regclass(quote_ident(t.name)) IS NULL`;
  const table = missing[0]?.table;
  if (table !== undefined) throw new EngineError('TABLE_MISSING', { table, name: owners.get(table) ?? '' });
}
