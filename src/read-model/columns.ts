import type { Queryable } from '../postgres/pool.ts';

/** A column as somebody needs to know it who reads rows as text and writes them back. */
export interface Column {
  readonly name: string;
  /** As a cast writes it: `timestamp with time zone`, `numeric(10,2)`. */
  readonly type: string;
  /** Of the type; of a built-in one the same everywhere. */
  readonly oid: number;
  readonly notNull: boolean;
  /** GENERATED ALWAYS AS (…) STORED: it cannot be written. */
  readonly computed: boolean;
}

/** Columns by table, in their order. A view, or what is not there, has no entry. */
export async function readColumns(
  sql: Queryable,
  tables: readonly string[],
): Promise<ReadonlyMap<string, readonly Column[]>> {
  const rows = await sql<{ table: string; columns: readonly Column[] }[]>`
    SELECT t.name AS table,
           json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'oid', a.atttypid::bigint,
                                      'notNull', a.attnotnull, 'computed', a.attgenerated <> '') ORDER BY a.attnum) AS columns
    FROM unnest(${[...tables]}::text[]) AS t (name)
    JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name)) AND c.relkind IN ('r', 'p')
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY t.name`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}
