import { EngineError } from '../core/errors.ts';
import type { Claim } from '../core/table-owners.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import { lockRows } from './projection-state.ts';

interface UnsafeTable {
  readonly name: string;
  readonly table: string;
  /** The table itself, a partition or child of it, or a table beneath the view. Quoted as in SQL. */
  readonly stored: string;
  readonly foreign: boolean;
}

/**
 * Reads which of these tables (without claims: of the tables of all projections that may run) do not keep their rows
 * together with the cursor: an unlogged table is emptied by a crash of the server, and rows of a foreign table commit in
 * another database. The projection would go on after rows that are missing.
 * @returns the error of each such projection, by name
 */
export async function readUnsafe(
  sql: Queryable,
  claims: readonly Claim[] | null = null,
): Promise<ReadonlyMap<string, EngineError>> {
  const known =
    claims === null
      ? sql`(SELECT s.name, t.declared FROM projection_state AS s CROSS JOIN LATERAL unnest(s.tables) AS t (declared)
             WHERE s.refused IS NULL)`
      : sql`(SELECT * FROM unnest(${claims.map(({ name }) => name)}::text[], ${claims.map(({ table }) => table)}::text[])
             AS c (name, declared))`;
  const rows = await sql<UnsafeTable[]>`
    WITH RECURSIVE edges (parent, child, view) AS MATERIALIZED (
      SELECT i.inhparent, i.inhrelid, false FROM pg_inherits AS i
      UNION ALL
      SELECT w.ev_class, d.refobjid, true
      FROM pg_rewrite AS w
      JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind = 'v'
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
      WHERE w.oid >= 16384  -- the others are PostgreSQL's own
    ), stored (name, declared, oid) AS (
      SELECT k.name, k.declared, to_regclass(quote_ident(k.declared))::oid FROM ${known} AS k
      UNION
      SELECT s.name, s.declared, e.child FROM stored AS s JOIN edges AS e ON e.parent = s.oid
      WHERE NOT e.view OR pg_relation_is_updatable(e.parent, true) <> 0
    )
    SELECT s.name, s.declared AS table, c.oid::regclass::text AS stored, c.relkind = 'f' AS foreign
    FROM stored AS s JOIN pg_class AS c ON c.oid = s.oid
    WHERE c.relkind = 'f' OR (c.relkind = 'r' AND c.relpersistence = 'u')
    ORDER BY 1, 2, 3`;
  const found = new Map<string, EngineError>();
  for (const row of rows) if (!found.has(row.name)) found.set(row.name, errorOf(row));
  return found;
}

function errorOf({ name, table, stored, foreign }: UnsafeTable): EngineError {
  const reason = foreign
    ? `${stored} is a foreign table, whose rows do not commit together with the position: declare a table of this database`
    : `${stored} is unlogged, so PostgreSQL empties it after a crash while the position stays: ALTER TABLE ${stored} SET LOGGED`;
  return new EngineError('TABLE_UNSAFE', { name, table, reason });
}

/**
 * Refuses the projections of `readUnsafe`, whichever daemon runs them. An alarm stays after the table is made safe, since
 * rows may have been lost before.
 */
export async function refuseUnsafe(tx: Tx): Promise<readonly string[]> {
  const found = await readUnsafe(tx);
  if (found.size === 0) return [];
  const names = [...found.keys()].sort();
  await lockRows(tx, names);
  await tx`
    UPDATE projection_state AS s
    SET refused = d.reason, generation = generation + 1, updated_at = now(),
        alarm = coalesce(s.alarm, CASE WHEN s.cursor > 0 THEN 'needs a reset, since rows may have been lost: ' || d.reason END)
    FROM unnest(${names}::text[], ${names.map((name) => found.get(name)?.message ?? '')}::text[]) AS d (name, reason)
    WHERE s.name = d.name AND s.instance_id = '' AND s.refused IS NULL`;
  return names;
}
