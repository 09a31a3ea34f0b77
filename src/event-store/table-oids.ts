import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

/**
 * What is recorded of every view: the oid of pg_rewrite, which no table has. The rows of a view are those of other tables,
 * so a view that is made anew has lost none.
 */
export const VIEW_OID = '2618';

/**
 * The oid of the table that a name (an expression) stands for now, an expression; 0 where there is none. TRUNCATE, VACUUM
 * FULL, CLUSTER, ALTER TABLE and pg_upgrade keep it.
 */
export function oidOf(sql: Queryable, name: Statement): Statement {
  return sql`coalesce((SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 2618::oid ELSE c.oid END
                       FROM pg_class AS c WHERE c.oid = to_regclass(quote_ident(${name}))), 0)::oid`;
}

/**
 * Of the row `s` of projection_state: the oids of the store that it is in. A restored dump has made every table anew, so
 * all oids in it are of another database; one of the two may be the same by accident.
 */
export function storeOids(sql: Queryable): Statement {
  return sql`ARRAY[s.tableoid, coalesce(to_regclass('events')::oid, 0)]::oid[]`;
}

/** Of the row `s`, a condition: which tables it stands for is not known in this database. */
export function areOidsUnknown(sql: Queryable): Statement {
  return sql`(s.table_oids IS NULL OR cardinality(s.table_oids) <> cardinality(s.tables)
              OR s.store_oids IS DISTINCT FROM ${storeOids(sql)})`;
}

/** Of the row `s`, FROM and WHERE: its tables `t` (name, oid) whose names stand for another table by now, or for none. */
function replacedTables(sql: Queryable): Statement {
  return sql`FROM unnest(s.tables, s.table_oids) AS t (name, oid)
             WHERE t.name IS NOT NULL AND s.store_oids = ${storeOids(sql)} AND (t.oid = 0 OR t.oid <> ${oidOf(sql, sql`t.name`)})`;
}

/** Of the row `s`: the name of one such table, null where each is the one that was recorded. */
export function replacedTable(sql: Queryable): Statement {
  return sql`(SELECT t.name ${replacedTables(sql)} ORDER BY 1 LIMIT 1)`;
}

/** The oids of the tables that these names (an expression) stand for now, an expression; in the same order. */
function oidsOf(sql: Queryable, names: Statement): Statement {
  return sql`ARRAY(SELECT ${oidOf(sql, sql`t.name`)} FROM unnest(${names}) WITH ORDINALITY AS t (name, place) ORDER BY t.place)`;
}

/**
 * Records which tables every row stands for, where that is not known: rows of an earlier version, and those of a restored
 * dump. Before the DDL of projections runs: it makes a table that is missing anew, and nothing shows then that it was.
 * A row that was refused before the dump stays so: none of its tables is taken for its own.
 */
export async function recordUnknownOids(tx: Tx): Promise<void> {
  await tx`
    WITH unknown AS MATERIALIZED (
      SELECT s.name, s.instance_id, s.refused IS NOT NULL AND s.store_oids IS NOT NULL AS lost
      FROM projection_state AS s WHERE ${areOidsUnknown(tx)} ORDER BY 1, 2 FOR UPDATE
    )
    UPDATE projection_state AS s
    SET store_oids = ${storeOids(tx)},
        table_oids = CASE WHEN u.lost THEN array_fill(0::oid, ARRAY[cardinality(s.tables)]) ELSE ${oidsOf(tx, tx`s.tables`)} END
    FROM unknown AS u WHERE s.name = u.name AND s.instance_id = u.instance_id`;
}

/** Records which tables these rows stand for: those whose names they have now. */
export async function recordOids(sql: Queryable, names: readonly string[]): Promise<void> {
  await sql`
    UPDATE projection_state AS s SET store_oids = ${storeOids(sql)}, table_oids = ${oidsOf(sql, sql`s.tables`)}
    WHERE s.name = ANY(${[...names]}::text[]) AND s.instance_id = ''`;
}

/** The oids of these tables by name, as text; one that is not there has no entry. */
export async function readOids(sql: Queryable, tables: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ name: string; oid: string }[]>`
    SELECT t.name, ${oidOf(sql, sql`t.name`)}::text AS oid FROM unnest(${[...tables]}::text[]) AS t (name)`;
  return new Map(rows.filter(({ oid }) => oid !== '0').map(({ name, oid }) => [name, oid]));
}

/** Of these projections, the tables whose names stand for another table by now, or for none. */
export async function readReplaced(
  sql: Queryable,
  names: readonly string[],
): Promise<readonly { readonly name: string; readonly table: string; readonly refused: boolean }[]> {
  return await sql`
    SELECT s.name, r.table, s.refused IS NOT NULL AS refused
    FROM projection_state AS s CROSS JOIN LATERAL (SELECT t.name AS table ${replacedTables(sql)}) AS r
    WHERE s.name = ANY(${[...names]}::text[]) AND s.instance_id = '' ORDER BY 1, 2`;
}
