import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { type Claim, claimsOf } from '../core/table-owners.ts';
import { NO_TABLE, replacedTable } from '../event-store/table-ids.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

/** Two tables of different owners, of which a write to one, or its TRUNCATE, also reaches rows of the other. */
export interface Overlap {
  readonly name: string;
  readonly table: string;
  /** The projection that has the other table; null for the engine. */
  readonly owner: string | null;
  readonly other: string;
  /** Whether `owner` only claims the other table, and does not have it yet. */
  readonly claimed: boolean;
}

/**
 * Reads where tables overlap: the same table under any name, a partition or child of it, or the table beneath a view.
 * Compared by oid. The condition is on two of the known tables, `mine` and `theirs`.
 */
async function readOverlaps(sql: Queryable, claims: readonly Claim[], condition: Statement) {
  return await sql<Overlap[]>`
    WITH RECURSIVE claimed AS (
      SELECT c.name, c.declared, to_regclass(quote_ident(c.declared))::oid AS oid
      FROM unnest(${claims.map(({ name }) => name)}::text[], ${claims.map(({ table }) => table)}::text[]) AS c (name, declared)
    ), known AS (
      SELECT name, declared, oid, true AS claim FROM claimed
      UNION
      SELECT s.name, t.declared, to_regclass(quote_ident(t.declared))::oid, false
      FROM projection_state AS s CROSS JOIN LATERAL unnest(s.tables) AS t (declared)
      UNION
      -- The table itself, if it was renamed.
      SELECT s.name, t.declared, t.id::oid, false
      FROM projection_state AS s CROSS JOIN LATERAL unnest(s.tables, s.table_ids) AS t (declared, id)
      WHERE t.declared IS NOT NULL AND t.id ~ '^[0-9]+$'
      UNION
      SELECT NULL, e.declared, to_regclass(quote_ident(e.declared))::oid, false
      FROM unnest(${[...ENGINE_TABLES]}::text[]) AS e (declared)
    ), reached (root, oid) AS (
      SELECT oid, oid FROM known WHERE oid IS NOT NULL
      UNION
      SELECT r.root, next.oid FROM reached AS r CROSS JOIN LATERAL (
        SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = r.oid
        UNION ALL
        -- A view that only reads other tables reaches none of them.
        SELECT d.refobjid FROM pg_rewrite AS w
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
        JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind = 'v'
        WHERE w.ev_class = r.oid AND pg_relation_is_updatable(v.oid, false) <> 0
      ) AS next (oid)
    )
    SELECT DISTINCT mine.name, mine.declared AS table, theirs.name AS owner, theirs.declared AS other,
           theirs.claim AS claimed
    FROM known AS mine
    JOIN reached AS r ON r.root = mine.oid
    JOIN reached AS o ON o.oid = r.oid
    JOIN known AS theirs ON theirs.oid = o.root AND theirs.name IS DISTINCT FROM mine.name
    WHERE ${condition}
    ORDER BY claimed, owner NULLS FIRST, name, "table", other`;
}

/** Reads where claimed tables overlap those of another projection or of the engine; those of the engine come first. */
export async function overlapsOf(sql: Queryable, claims: readonly Claim[]): Promise<readonly Overlap[]> {
  return await readOverlaps(sql, claims, sql`mine.claim`);
}

/** @throws EngineError TABLE_RESERVED if a write to, or a TRUNCATE of, one of these tables would reach a table of the engine */
export async function checkReserved(sql: Queryable, projections: readonly Projection[]): Promise<void> {
  const reserved = (await overlapsOf(sql, claimsOf(projections))).find(({ owner }) => owner === null);
  if (reserved === undefined) return;
  const { name, table, other } = reserved;
  throw new EngineError('TABLE_RESERVED', { name, table, other });
}

/**
 * Reads which projections own tables that overlap by now, although none did when they were registered: an operator has made
 * one table the child, the partition or the view of another one.
 */
export async function readShared(sql: Queryable): Promise<readonly Overlap[]> {
  // A table under another table's name is refused as replaced, and may be renamed back.
  const owners = sql`(SELECT s.name FROM projection_state AS s WHERE s.refused IS NULL AND ${replacedTable(sql)} IS NULL)`;
  return await readOverlaps(sql, [], sql`mine.name IN ${owners} AND theirs.name IN ${owners}`);
}

/**
 * Refuses the projections of `readShared`. All of them, whichever daemon runs them: each has written into the other's rows,
 * or may do so with its next event. The recorded ids of these tables are cleared, so that the refusal stays after the
 * tables are apart again, until an operator chooses RESET, adopt or another table.
 */
export async function refuseShared(tx: Tx): Promise<readonly string[]> {
  const reasons = new Map<string, { readonly reason: string; readonly tables: string[] }>();
  for (const { name, table, owner, other } of await readShared(tx)) {
    const { message } = new EngineError('TABLE_SHARED', { table, first: owner ?? '', other, second: name });
    const known = reasons.get(name);
    if (known === undefined) reasons.set(name, { reason: message, tables: [table] });
    else known.tables.push(table);
  }
  if (reasons.size === 0) return [];
  const names = [...reasons.keys()].sort();
  // In the order in which a registration and a reset lock them, so that the transactions cannot deadlock.
  await tx`
    SELECT FROM projection_state WHERE name = ANY(${names}::text[]) AND instance_id = '' ORDER BY name FOR UPDATE`;
  await tx`
    UPDATE projection_state AS s
    SET refused = d.reason, generation = generation + 1, updated_at = now(),
        table_ids = ARRAY(SELECT CASE WHEN t.name = ANY(string_to_array(d.tables, ',')) THEN ${NO_TABLE}::text ELSE t.id END
                          FROM unnest(s.tables, s.table_ids) WITH ORDINALITY AS t (name, id, place)
                          WHERE t.name IS NOT NULL ORDER BY t.place)
    FROM unnest(${names}::text[], ${names.map((name) => reasons.get(name)?.reason ?? '')}::text[],
                ${names.map((name) => reasons.get(name)?.tables.join() ?? '')}::text[]) AS d (name, reason, tables)
    WHERE s.name = d.name AND s.instance_id = '' AND s.refused IS NULL`;
  return names;
}
