import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

/** What is recorded of a table that did not exist when the tables were recorded. */
export const NO_TABLE = 'none';
/** What is recorded of a table that a projection declared after it had applied events: it lacks the rows of those. */
export const ADDED_TABLE = 'added';

/** Whether this is the id of a view. A view is identified by the tables beneath it: it has no rows of its own. */
export function isViewId(id: string): boolean {
  return id.startsWith('view');
}

/**
 * SQL: the id of the table to which a name (an expression) resolves now. Of a table it is the oid, which TRUNCATE, VACUUM
 * FULL, CLUSTER, ALTER TABLE and pg_upgrade keep. Of a view it is the oids of the tables beneath it, so that a view may be
 * created again with every start, but not over other tables. A view that cannot be written has no rows of a projection.
 */
function idOf(sql: Queryable, name: Statement): Statement {
  return sql`coalesce((
    SELECT CASE WHEN c.relkind NOT IN ('v', 'm') THEN c.oid::text
                WHEN pg_relation_is_updatable(c.oid, true) = 0 THEN 'view:read-only'
                ELSE 'view:' || ${tablesBeneath(sql, sql`c.oid`)} END
    FROM pg_class AS c WHERE c.oid = to_regclass(quote_ident(${name}))), 'none')`;
}

/** SQL: the oids of the tables that a view (an expression) reads, directly or through other views. */
function tablesBeneath(sql: Queryable, view: Statement): Statement {
  return sql`(
    WITH RECURSIVE beneath (oid, kind) AS (
      SELECT v.oid, v.relkind FROM pg_class AS v WHERE v.oid = ${view}
      UNION
      SELECT t.oid, t.relkind
      FROM beneath AS b
      JOIN pg_rewrite AS w ON w.ev_class = b.oid
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
      JOIN pg_class AS t ON t.oid = d.refobjid
      WHERE b.kind IN ('v', 'm')
    )
    SELECT coalesce(string_agg(b.oid::text, ',' ORDER BY b.oid), '') FROM beneath AS b WHERE b.kind IN ('r', 'p', 'f'))`;
}

/**
 * SQL, for the row `s` of projection_state: the oids of the store that it is in. A restored dump has created every table
 * again, so all oids in it are of another database; one of the two may be the same by accident.
 */
export function storeOids(sql: Queryable): Statement {
  return sql`ARRAY[s.tableoid, coalesce(to_regclass('events')::oid, 0)]::oid[]`;
}

/** SQL, a condition on the row `s`: it is not known in this database which tables its names stand for. */
export function areIdsUnknown(sql: Queryable): Statement {
  return sql`(s.table_ids IS NULL OR cardinality(s.table_ids) <> cardinality(s.tables)
              OR s.store_oids IS DISTINCT FROM ${storeOids(sql)} OR 'view' = ANY(s.table_ids))`;
}

/** SQL, FROM and WHERE for the row `s`: its tables `t` (name, id) whose names resolve to another table now, or to none. */
function replacedTables(sql: Queryable): Statement {
  return sql`FROM unnest(s.tables, s.table_ids) AS t (name, id)
             WHERE t.name IS NOT NULL AND s.store_oids = ${storeOids(sql)}
               AND (t.id = 'none' OR t.id <> ${idOf(sql, sql`t.name`)})`;
}

/** SQL, for the row `s`: the name of one such table; null if each name resolves to the table that was recorded. */
export function replacedTable(sql: Queryable): Statement {
  return sql`(SELECT t.name ${replacedTables(sql)} ORDER BY 1 LIMIT 1)`;
}

/** SQL, for the row `s`: the ids of the tables to which the names in `tables` resolve now, in the same order. */
function idsNow(sql: Queryable): Statement {
  return sql`ARRAY(SELECT ${idOf(sql, sql`t.name`)} FROM unnest(s.tables) WITH ORDINALITY AS t (name, place) ORDER BY t.place)`;
}

/**
 * Records the ids of the tables of every row where they are not known: rows of an earlier version, and those of a restored
 * dump. It runs before the DDL of projections, which would create a missing table again, so that nothing shows that it was
 * missing. A row that was refused before the dump stays refused: none of its tables is treated as its own.
 */
export async function recordUnknownIds(tx: Tx): Promise<void> {
  await tx`
    WITH unknown AS MATERIALIZED (
      SELECT s.name, s.instance_id, s.refused IS NOT NULL AND s.store_oids IS NOT NULL AS lost,
             s.store_oids = ${storeOids(tx)} AND cardinality(s.table_ids) = cardinality(s.tables) AS views
      FROM projection_state AS s WHERE ${areIdsUnknown(tx)} ORDER BY 1, 2 FOR UPDATE
    )
    UPDATE projection_state AS s
    SET store_oids = ${storeOids(tx)},
        table_ids = CASE
          -- The version before did not record the tables beneath a view.
          WHEN u.views THEN ARRAY(SELECT CASE WHEN t.id = 'view' THEN ${idOf(tx, tx`t.name`)} ELSE t.id END
                                  FROM unnest(s.tables, s.table_ids) WITH ORDINALITY AS t (name, id, place) ORDER BY t.place)
          WHEN u.lost THEN array_fill('none'::text, ARRAY[cardinality(s.tables)])
          ELSE ${idsNow(tx)} END
    FROM unknown AS u WHERE s.name = u.name AND s.instance_id = u.instance_id`;
}

/** Records the ids of the tables of these rows: those to which their names resolve now. */
export async function recordIds(sql: Queryable, names: readonly string[]): Promise<void> {
  await sql`
    UPDATE projection_state AS s SET store_oids = ${storeOids(sql)}, table_ids = ${idsNow(sql)}
    WHERE s.name = ANY(${[...names]}::text[]) AND s.instance_id = ''`;
}

/** The ids of these tables by name; a table that does not exist has no entry. */
export async function readIds(sql: Queryable, tables: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ name: string; id: string }[]>`
    SELECT t.name, ${idOf(sql, sql`t.name`)} AS id FROM unnest(${[...tables]}::text[]) AS t (name)`;
  return new Map(rows.filter(({ id }) => id !== NO_TABLE).map(({ name, id }) => [name, id]));
}

/** The tables of these projections whose names resolve to another table now, or to none. */
export async function readReplaced(
  sql: Queryable,
  names: readonly string[],
): Promise<readonly { readonly name: string; readonly table: string; readonly refused: boolean }[]> {
  return await sql`
    SELECT s.name, r.table, s.refused IS NOT NULL AS refused
    FROM projection_state AS s CROSS JOIN LATERAL (SELECT t.name AS table ${replacedTables(sql)}) AS r
    WHERE s.name = ANY(${[...names]}::text[]) AND s.instance_id = '' ORDER BY 1, 2`;
}

/**
 * SQL, for a row with `tables` and `table_ids`: the names of the tables that still exist. A table that was replaced by
 * another one of the same name is left out.
 */
export function remainingTables(sql: Queryable): Statement {
  return sql`ARRAY(SELECT DISTINCT t.name
                   FROM unnest(tables, table_ids) AS t (name, id), LATERAL (SELECT ${idOf(sql, sql`t.name`)} AS id) AS now
                   WHERE t.name IS NOT NULL AND now.id <> 'none' AND now.id = coalesce(t.id, now.id) ORDER BY 1)`;
}
