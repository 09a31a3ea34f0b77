import { isDeepStrictEqual } from 'node:util';
import type { TableName } from '../../examples/dancefinder/fold/tables.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import type { Queryable, Sql } from '../../src/postgres/pool.ts';
import { expectedTables, readTables } from './dancefinder.ts';

/**
 * Describes each table of DanceFinder that differs from the fold of the events up to the stored position of its
 * projection. `tx` must read one snapshot, unless no daemon is running.
 */
export async function checkReadModels(tx: Queryable): Promise<readonly string[]> {
  const states = await tx<{ name: string; cursor: bigint }[]>`SELECT name, cursor FROM projection_state`;
  const cursors = new Map(states.map(({ name, cursor }) => [name, cursor]));
  const rows = await readTables(tx as Sql);
  const found: string[] = [];
  for (const { name, tables } of projections) {
    const cursor = cursors.get(name) ?? 0n;
    const expected = await expectedTables(tx as Sql, cursor);
    for (const table of tables.keys() as IterableIterator<TableName>) {
      if (isDeepStrictEqual(rows[table], expected[table])) continue;
      found.push(
        `${name}: ${table} has ${rows[table].length} rows, the events up to ${cursor} give ${expected[table].length} or others`,
      );
    }
  }
  return found;
}
