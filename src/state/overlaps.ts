import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError } from '../core/errors.ts';
import type { Projection, TableShape } from '../core/projection.ts';
import type { Queryable } from '../postgres/pool.ts';

/** One table that a projection declares. */
export interface Claim {
  readonly name: string;
  readonly table: string;
  readonly shape: TableShape;
}

export function claimsOf(projections: readonly Projection[]): readonly Claim[] {
  return projections.flatMap(({ name, tables }) => [...tables].map(([table, shape]) => ({ name, table, shape })));
}

/** A claim on a table whose rows are also reached by a write to, or a TRUNCATE of, a table of another owner. */
export interface Overlap {
  readonly table: string;
  readonly name: string;
  /** Place of `name` in the order of the first registrations. */
  readonly registered: bigint;
  /** Projection that has the other table; null for the engine. */
  readonly owner: string | null;
  readonly ownerRegistered: bigint;
  readonly other: string;
  /** Whether the owner of the other table claims it too; false if it is recorded as its own. */
  readonly ownerClaims: boolean;
  /** Foreign key or rule by which a write to `table` also changes `other`; null if there is none. */
  readonly writes: string | null;
  /** The same from `other` to `table`. If both are null, the two tables share rows. */
  readonly writtenBy: string | null;
}

/**
 * Reads where a write to, or a TRUNCATE of, one of these tables would also reach a table of another projection or of the
 * engine: the same table under any name, a partition or child of it, the table beneath a view, a table whose foreign key
 * follows the write (ON DELETE CASCADE, SET NULL), and a table in a rule. Compared by oid.
 */
export async function readOverlaps(sql: Queryable, claims: readonly Claim[]): Promise<readonly Overlap[]> {
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
      -- Few rows or none, where a join of all tables with each other would be many.
      SELECT r.* FROM reached AS r
      WHERE r.oid IN (SELECT oid FROM reached GROUP BY oid HAVING count(DISTINCT coalesce(name, '')) > 1)
    )
    SELECT DISTINCT mine.declared AS table, mine.name, coalesce(m.registered, 0) AS registered,
           theirs.name AS owner, coalesce(t.registered, 0) AS "ownerRegistered", theirs.declared AS other,
           theirs.claim AS "ownerClaims", mine.via AS writes, theirs.via AS "writtenBy"
    FROM contested AS mine
    -- Two tables whose writes both go on to a third one do not share it: it belongs to neither.
    JOIN contested AS theirs ON theirs.oid = mine.oid AND theirs.name IS DISTINCT FROM mine.name
     AND (mine.via IS NULL OR theirs.via IS NULL)
    LEFT JOIN projection_state AS m ON m.name = mine.name AND m.instance_id = ''
    LEFT JOIN projection_state AS t ON t.name = theirs.name AND t.instance_id = ''
    WHERE mine.claim
    ORDER BY theirs.claim, owner NULLS FIRST, mine.name, 1, other, writes NULLS FIRST, "writtenBy" NULLS FIRST`;
}

/** The error for the projection that does not get the table. */
export function overlapError({ table, name, owner, other, writes, writtenBy }: Overlap): EngineError {
  if (owner === null) return new EngineError('TABLE_RESERVED', { name, table, other });
  if (writes !== null)
    return new EngineError('TABLE_REACHED', { name, owner, table, from: table, to: other, by: writes });
  if (writtenBy !== null)
    return new EngineError('TABLE_REACHED', { name, owner, table, from: other, to: table, by: writtenBy });
  const through =
    table === other ? '' : `, through '${other}', which shares rows with it (a partition, child, view or rename)`;
  return new EngineError('TABLE_SHARED', { table, first: owner, second: name, through });
}
