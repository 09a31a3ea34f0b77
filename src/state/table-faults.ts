import { EngineError } from '../core/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type Claim, type Overlap, overlapError, readOverlaps } from './overlaps.ts';

/** Why a projection must not write a table that it declares, whatever is in it. */
export interface TableFault {
  readonly error: EngineError;
  /** Projections that may have written or lost wrong rows because of it: they need a RESET. */
  readonly doubted: readonly string[];
}

/**
 * Reads the fault of each projection that must not have its tables, by name: a table that is not its alone, and one whose
 * rows PostgreSQL does not keep together with the position. Of two projections that reach the same rows, the one keeps them
 * that was registered first, or had its table first; the other one has the fault. So every start and every daemon decides
 * the same.
 * @param isNew whether a projection is to get this table; it has no rows of it yet
 */
export async function readTableFaults(
  sql: Queryable,
  claims: readonly Claim[],
  isNew: (name: string, table: string) => boolean,
): Promise<ReadonlyMap<string, TableFault>> {
  const found = new Map<string, TableFault>(overlapFaults(await readOverlaps(sql, claims), isNew));
  for (const { name, table, stored, foreign } of await readUnsafeStorage(sql, claims)) {
    if (found.has(name)) continue;
    const reason = foreign
      ? `${stored} is a foreign table, whose rows do not commit together with the position: declare a table of this database`
      : `${stored} is unlogged, so PostgreSQL empties it after a crash while the position stays: ALTER TABLE ${stored} SET LOGGED`;
    const error = new EngineError('TABLE_UNSAFE', { name, table, reason });
    found.set(name, { error, doubted: isNew(name, table) ? [] : [name] });
  }
  return found;
}

function overlapFaults(
  overlaps: readonly Overlap[],
  isNew: (name: string, table: string) => boolean,
): ReadonlyMap<string, TableFault> {
  const found = new Map<string, TableFault>();
  const ranked = overlaps.map((overlap) => {
    const { table, name, registered, owner, ownerRegistered, ownerClaims, other } = overlap;
    const mine = { fresh: isNew(name, table), registered, name };
    const theirs = {
      fresh: owner !== null && ownerClaims && isNew(owner, other),
      registered: ownerRegistered,
      name: owner,
    };
    return { overlap, mine, theirs };
  });
  // In this order, so that a projection that is refused itself refuses no other one.
  for (const { overlap, mine, theirs } of ranked.sort((a, b) => compare(a.mine, b.mine))) {
    const { name, owner } = overlap;
    if (found.has(name) || compare(mine, theirs) < 0) continue;
    if (owner !== null && theirs.fresh && found.has(owner)) continue;
    found.set(name, { error: overlapError(overlap), doubted: owner === null || mine.fresh ? [] : [name, owner] });
  }
  return found;
}

interface Rank {
  readonly fresh: boolean;
  readonly registered: bigint;
  readonly name: string | null;
}

/** The engine comes first, then who has its table, then who was registered earlier, then the name. */
function compare(a: Rank, b: Rank): number {
  if (a.name === null || b.name === null) return a.name === b.name ? 0 : a.name === null ? -1 : 1;
  if (a.fresh !== b.fresh) return a.fresh ? 1 : -1;
  if (a.registered !== b.registered) return a.registered < b.registered ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

interface UnsafeStorage {
  readonly name: string;
  readonly table: string;
  /** The table itself, a partition or child of it, or a table beneath the view. Quoted as in SQL. */
  readonly stored: string;
  readonly foreign: boolean;
}

async function readUnsafeStorage(sql: Queryable, claims: readonly Claim[]): Promise<readonly UnsafeStorage[]> {
  return await sql<UnsafeStorage[]>`
    WITH RECURSIVE edges (parent, child, view) AS MATERIALIZED (
      SELECT i.inhparent, i.inhrelid, false FROM pg_inherits AS i
      UNION ALL
      SELECT w.ev_class, d.refobjid, true
      FROM pg_rewrite AS w
      JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind = 'v'
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
      WHERE w.oid >= 16384  -- the others are PostgreSQL's own
    ), stored (name, declared, oid) AS (
      SELECT c.name, c.declared, to_regclass(quote_ident(c.declared))::oid
      FROM unnest(${claims.map(({ name }) => name)}::text[], ${claims.map(({ table }) => table)}::text[]) AS c (name, declared)
      UNION
      SELECT s.name, s.declared, e.child FROM stored AS s JOIN edges AS e ON e.parent = s.oid
      WHERE NOT e.view OR pg_relation_is_updatable(e.parent, true) <> 0
    )
    SELECT s.name, s.declared AS table, c.oid::regclass::text AS stored, c.relkind = 'f' AS foreign
    FROM stored AS s JOIN pg_class AS c ON c.oid = s.oid
    WHERE c.relkind = 'f' OR (c.relkind = 'r' AND c.relpersistence = 'u')
    ORDER BY 1, 2, 3`;
}
