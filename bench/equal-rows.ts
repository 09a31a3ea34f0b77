import type { Projection } from '../src/index.ts';
import type { Sql } from '../src/postgres/pool.ts';
import { REFERENCE_SCHEMA } from './store.ts';

/**
 * Checks that a reference did the same work: every table of these projections has exactly the rows of its copy.
 * @returns the number of rows
 * @throws Error with the first table that differs, since the measured times would then not be comparable
 */
export async function assertEqualRows(sql: Sql, projections: readonly Projection[]): Promise<number> {
  let total = 0;
  for (const table of projections.flatMap(({ tables }) => [...tables.keys()])) {
    const [row] = await sql<[{ rows: number; missing: number; extra: number }]>`
      SELECT (SELECT count(*)::int FROM public.${sql(table)}) AS rows,
             (SELECT count(*)::int FROM (TABLE public.${sql(table)} EXCEPT ALL TABLE ${sql(REFERENCE_SCHEMA)}.${sql(table)}) AS m) AS missing,
             (SELECT count(*)::int FROM (TABLE ${sql(REFERENCE_SCHEMA)}.${sql(table)} EXCEPT ALL TABLE public.${sql(table)}) AS e) AS extra`;
    if (row.rows === 0) throw new Error(`table '${table}' is empty: there is nothing to compare`);
    if (row.missing + row.extra > 0) {
      throw new Error(
        `table '${table}' differs: of ${row.rows} rows the reference lacks ${row.missing} and has ${row.extra} others`,
      );
    }
    total += row.rows;
  }
  return total;
}
