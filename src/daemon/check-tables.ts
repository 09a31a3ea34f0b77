import { EngineError } from '../core/errors.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { checkNames } from '../postgres/names.ts';
import type { Sql } from '../postgres/pool.ts';

/**
 * Checks the tables at the start, so that a problem does not show only as a failure of the first event, or not at all.
 * @throws EngineError TABLE_MISSING, SCHEMA_MISPLACED, SCHEMA_SHADOWED, ROW_SECURITY
 */
export async function checkTables(sql: Sql, owners: TableOwners): Promise<void> {
  const [table] = await checkNames(sql, [...owners.keys()]);
  if (table !== undefined) throw new EngineError('TABLE_MISSING', { table, name: owners.get(table) ?? '' });
}
