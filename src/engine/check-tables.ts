import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { Queryable } from '../store/connect.ts';
import type { TableOwners } from './lookups.ts';

/**
 * Which projection fills which table. Two that share one would reset each other's rows.
 * @throws EngineError TABLE_SHARED, PROJECTION_INVALID (a name twice)
 */
export function tableOwners(projections: readonly Projection[]): TableOwners {
  const owners = new Map<string, string>();
  const names = new Set<string>();
  for (const { name, tables } of projections) {
    if (names.has(name)) throw new EngineError('PROJECTION_INVALID', { name, reason: 'another one has the same name' });
    names.add(name);
    for (const table of tables.keys()) {
      const first = owners.get(table);
      if (first !== undefined) throw new EngineError('TABLE_SHARED', { table, first, second: name });
      owners.set(table, name);
    }
  }
  return owners;
}

/** @throws EngineError TABLE_MISSING: better at the start than as a failure of the first event. */
export async function checkTables(sql: Queryable, owners: TableOwners): Promise<void> {
  const missing = await sql<{ table: string }[]>`
    SELECT t.name AS table FROM unnest(${[...owners.keys()]}::text[]) AS t (name) WHERE to_regclass(quote_ident(t.name)) IS NULL`;
  const table = missing[0]?.table;
  if (table !== undefined) throw new EngineError('TABLE_MISSING', { table, name: owners.get(table) ?? '' });
}
