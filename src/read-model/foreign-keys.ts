import type { Projection } from '../core/projection.ts';
import type { Queryable } from '../postgres/pool.ts';

/** A table that a reset reaches, and one path by which it reaches the table. */
export interface ReachedTable {
  /** Quoted, and qualified if the search path needs it. A partition is listed under the name of its root table. */
  readonly table: string;
  /** The name in the projection's declaration; null for a table that no projection declares. */
  readonly declared: string | null;
  /** Null for a table that no projection declares. */
  readonly projection: string | null;
  /** pg_class.relkind: `r` and `p` are tables, `v` and `m` views. */
  readonly kind: string;
  /** The foreign key by which it references `source`; null for a projection's declared tables and for child tables. */
  readonly constraint: string | null;
  /** The table from which it was reached; null for the tables where the reset begins. */
  readonly source: string | null;
  /** The projection that declares `source`, or null. */
  readonly sourceProjection: string | null;
}

/**
 * Reads all tables that have to be emptied together with the tables of projection `name`: tables that reference one of
 * them by a foreign key, directly or through others, all tables of the projections that declare those, and all partitions
 * and child tables of any of these.
 */
export async function reachedTables(
  sql: Queryable,
  name: string,
  projections: readonly Projection[],
): Promise<readonly ReachedTable[]> {
  const declared = projections.flatMap((one) => [...one.tables.keys()].map((table) => ({ table, owner: one.name })));
  return await sql<ReachedTable[]>`
    WITH RECURSIVE declared AS (
      SELECT to_regclass(quote_ident(d.name))::oid AS oid, d.name, d.projection
      FROM unnest(${declared.map(({ table }) => table)}::text[], ${declared.map(({ owner }) => owner)}::text[])
             AS d (name, projection)
    ), reached (oid, constraint_name, source) AS (
      SELECT oid, NULL::name, NULL::oid FROM declared WHERE projection = ${name} AND oid IS NOT NULL
      UNION
      SELECT next.oid, next.constraint_name, r.oid FROM reached AS r CROSS JOIN LATERAL (
        SELECT k.conrelid, k.conname FROM pg_constraint AS k WHERE k.contype = 'f' AND k.confrelid = r.oid
        UNION ALL
        SELECT i.inhrelid, NULL FROM pg_inherits AS i WHERE i.inhparent = r.oid
        UNION ALL
        SELECT others.oid, NULL FROM declared AS own JOIN declared AS others USING (projection)
        WHERE own.oid IN (r.oid, pg_partition_root(r.oid)) AND others.oid IS NOT NULL
      ) AS next (oid, constraint_name)
    )
    SELECT DISTINCT c.oid::regclass::text AS table, t.name AS declared, t.projection, c.relkind::text AS kind,
           r.constraint_name::text AS constraint, coalesce(s.oid, r.source)::regclass::text AS source,
           s.projection AS "sourceProjection"
    FROM reached AS r
    LEFT JOIN LATERAL (SELECT d.* FROM declared AS d WHERE d.oid IN (r.oid, pg_partition_root(r.oid))
                       ORDER BY d.oid = r.oid DESC LIMIT 1) AS t ON true
    LEFT JOIN LATERAL (SELECT d.* FROM declared AS d WHERE d.oid IN (r.source, pg_partition_root(r.source))
                       ORDER BY d.oid = r.source DESC LIMIT 1) AS s ON true
    JOIN pg_class AS c ON c.oid = coalesce(t.oid, r.oid)
    ORDER BY 1, 5 NULLS LAST, 6`;
}
