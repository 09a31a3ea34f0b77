import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { type Claim, claimsOf } from '../core/table-owners.ts';
import { replacedTable } from '../event-store/table-ids.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import { lockRows } from './projection-state.ts';

/** Two tables of different owners, of which a write to one, or its TRUNCATE, also reaches rows of the other. */
export interface Overlap {
  readonly name: string;
  readonly table: string;
  /** The projection that has the other table; null for the engine. */
  readonly owner: string | null;
  readonly other: string;
  /** Whether `owner` only claims the other table, and does not have it yet. */
  readonly claimed: boolean;
  /** Foreign key or rule by which a write to `table` also changes `other`; null if there is none. */
  readonly writes: string | null;
  /** The same from `other` to `table`. If both are null, the two tables share rows. */
  readonly writtenBy: string | null;
}

/**
 * Reads where tables overlap: the same table under any name, a partition or child of it, the table beneath a view, a table
 * that a foreign key changes with it (ON DELETE CASCADE, SET NULL …), and a table in one of its rules. Compared by oid. The
 * condition is on two of the known tables, `mine` and `theirs`.
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
      FROM projection_state AS s CROSS JOIN LATERAL unnest(s.tables, s.table_ids) AS t (declared, id)
      WHERE t.declared IS NOT NULL AND t.id IS DISTINCT FROM 'added'
      UNION
      -- The table itself, if it was renamed.
      SELECT s.name, t.declared, t.id::oid, false
      FROM projection_state AS s CROSS JOIN LATERAL unnest(s.tables, s.table_ids) AS t (declared, id)
      WHERE t.declared IS NOT NULL AND t.id ~ '^[0-9]+$'
      UNION
      SELECT NULL, e.declared, to_regclass(quote_ident(e.declared))::oid, false
      FROM unnest(${[...ENGINE_TABLES]}::text[]) AS e (declared)
    ), edges (parent, child, via, view) AS MATERIALIZED (
      SELECT i.inhparent, i.inhrelid, NULL::text COLLATE "C", false FROM pg_inherits AS i
      UNION ALL
      -- The rules of a table may write to any table that they name.
      SELECT w.ev_class, d.refobjid, CASE v.relkind WHEN 'v' THEN NULL ELSE format('rule %s of %s', w.rulename, v.relname) END,
             v.relkind = 'v'
      FROM pg_rewrite AS w
      JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind <> 'm'
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
      WHERE w.oid >= 16384  -- the others are PostgreSQL's own
      UNION ALL
      SELECT k.confrelid, k.conrelid, format('foreign key %s of %s', k.conname, k.conrelid::regclass), false
      FROM pg_constraint AS k
      WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
    ), reached (name, declared, claim, oid, via) AS (
      SELECT name, declared, claim, oid, NULL::text COLLATE "C" FROM known WHERE oid IS NOT NULL
      UNION
      SELECT r.name, r.declared, r.claim, e.child, coalesce(r.via, e.via) COLLATE "C"
      FROM reached AS r JOIN edges AS e ON e.parent = r.oid
      -- A view that only reads other tables reaches none of them.
      WHERE NOT e.view OR pg_relation_is_updatable(e.parent, false) <> 0
    ), contested AS MATERIALIZED (
      -- Few rows or none: a join of all tables with each other takes seconds where there are a thousand.
      SELECT r.* FROM reached AS r
      WHERE r.oid IN (SELECT oid FROM reached GROUP BY oid HAVING count(DISTINCT coalesce(name, '')) > 1)
    )
    SELECT DISTINCT mine.name, mine.declared AS table, theirs.name AS owner, theirs.declared AS other,
           theirs.claim AS claimed, mine.via AS writes, theirs.via AS "writtenBy"
    FROM contested AS mine
    -- Two tables whose writes both go on to a third one do not share it: it belongs to neither.
    JOIN contested AS theirs ON theirs.oid = mine.oid AND theirs.name IS DISTINCT FROM mine.name
     AND (mine.via IS NULL OR theirs.via IS NULL)
    WHERE ${condition}
    ORDER BY claimed, owner NULLS FIRST, name, "table", other, writes NULLS FIRST, "writtenBy" NULLS FIRST`;
}

/** Reads where claimed tables overlap those of another projection or of the engine; those of the engine come first. */
export async function overlapsOf(sql: Queryable, claims: readonly Claim[]): Promise<readonly Overlap[]> {
  return await readOverlaps(sql, claims, sql`mine.claim`);
}

/** The error for the projection `name`. */
export function overlapError({ table, name, owner, other, writes, writtenBy }: Overlap): EngineError {
  if (owner === null) return new EngineError('TABLE_RESERVED', { name, table, other });
  if (writes !== null) return new EngineError('TABLE_REACHED', { name, owner, from: table, to: other, by: writes });
  if (writtenBy !== null)
    return new EngineError('TABLE_REACHED', { name, owner, from: other, to: table, by: writtenBy });
  return new EngineError('TABLE_SHARED', { table, first: owner, other, second: name });
}

/** @throws EngineError TABLE_RESERVED if a write to, or a TRUNCATE of, one of these tables would reach a table of the engine */
export async function checkReserved(sql: Queryable, projections: readonly Projection[]): Promise<void> {
  const reserved = (await overlapsOf(sql, claimsOf(projections))).find(({ owner }) => owner === null);
  if (reserved !== undefined) throw overlapError(reserved);
}

/**
 * Reads which projections own tables that overlap by now, although none did when they were registered: an operator has made
 * one table the child, the partition or the view of another one, or has added a foreign key or a rule between them.
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
  for (const overlap of await readShared(tx)) {
    const known = reasons.get(overlap.name);
    if (known !== undefined) known.tables.push(overlap.table);
    else reasons.set(overlap.name, { reason: overlapError(overlap).message, tables: [overlap.table] });
  }
  if (reasons.size === 0) return [];
  const names = [...reasons.keys()].sort();
  await lockRows(tx, names);
  await tx`
    UPDATE projection_state AS s
    SET refused = d.reason, generation = generation + 1, updated_at = now(),
        table_ids = ARRAY(SELECT CASE WHEN t.name = ANY(string_to_array(d.tables, ',')) THEN 'none' ELSE t.id END
                          FROM unnest(s.tables, s.table_ids) WITH ORDINALITY AS t (name, id, place)
                          WHERE t.name IS NOT NULL ORDER BY t.place)
    FROM unnest(${names}::text[], ${names.map((name) => reasons.get(name)?.reason ?? '')}::text[],
                ${names.map((name) => reasons.get(name)?.tables.join() ?? '')}::text[]) AS d (name, reason, tables)
    WHERE s.name = d.name AND s.instance_id = '' AND s.refused IS NULL`;
  return names;
}
