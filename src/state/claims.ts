import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError } from '../core/errors.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Projection, TableShape } from '../core/projection.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';

/**
 * Key of an advisory lock; any fixed number. A transaction that gives tables to a projection (a registration, an adoption,
 * the RESET of a refused projection) takes it exclusively, every other RESET takes it shared. So two daemons never give one
 * table to two projections at the same time.
 */
const CLAIMS_LOCK = 7_203_512n;

export async function lockClaims(tx: Tx, mode: 'exclusive' | 'shared'): Promise<void> {
  if (mode === 'shared') await tx`SELECT pg_advisory_xact_lock_shared(${CLAIMS_LOCK})`;
  else await tx`SELECT pg_advisory_xact_lock(${CLAIMS_LOCK})`;
}

/** One table that a projection declares. */
export interface Claim {
  readonly name: string;
  readonly table: string;
  readonly shape: TableShape;
}

export function claimsOf(projections: readonly Projection[]): readonly Claim[] {
  return projections.flatMap(({ name, tables }) => [...tables].map(([table, shape]) => ({ name, table, shape })));
}

interface Overlap {
  readonly table: string;
  readonly name: string;
  /** Projection that has the other table; null for the engine. */
  readonly owner: string | null;
  readonly other: string;
  readonly throughView: boolean;
}

/**
 * Reads where a write to, or a TRUNCATE of, one of these tables would also reach a table of another projection or of the
 * engine: the same table under any name, a partition or child of it, or the table beneath a view. Compared by oid.
 */
async function readOverlaps(sql: Queryable, claims: readonly Claim[]): Promise<readonly Overlap[]> {
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
    ), reached (root, oid, view) AS (
      SELECT oid, oid, false FROM known WHERE oid IS NOT NULL
      UNION
      SELECT r.root, next.oid, r.view OR next.view FROM reached AS r CROSS JOIN LATERAL (
        SELECT i.inhrelid, false FROM pg_inherits AS i WHERE i.inhparent = r.oid
        UNION ALL
        -- A view that only reads other tables reaches none of them.
        SELECT d.refobjid, true FROM pg_rewrite AS w
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
        JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind = 'v'
        WHERE w.ev_class = r.oid AND pg_relation_is_updatable(v.oid, false) <> 0
      ) AS next (oid, view)
    )
    SELECT DISTINCT mine.declared AS table, mine.name, theirs.name AS owner, theirs.declared AS other,
           r.view OR o.view AS "throughView", theirs.claim
    FROM known AS mine
    JOIN reached AS r ON r.root = mine.oid
    JOIN reached AS o ON o.oid = r.oid
    JOIN known AS theirs ON theirs.oid = o.root AND theirs.name IS DISTINCT FROM mine.name
    WHERE mine.claim
    ORDER BY theirs.claim, 3 NULLS FIRST, 2, 1, 4`;
}

/** @throws EngineError TABLE_RESERVED if a write to, or a TRUNCATE of, one of these tables would reach a table of the engine */
export async function checkReserved(sql: Queryable, projections: readonly Projection[]): Promise<void> {
  const reserved = (await readOverlaps(sql, claimsOf(projections))).find(({ owner }) => owner === null);
  if (reserved === undefined) return;
  const { name, table, other } = reserved;
  throw new EngineError('TABLE_RESERVED', { name, table, other });
}

/** Reads the declared columns that a table lacks, and its unique keys if none of them is the declared key (else null). */
async function readLacks(sql: Queryable, claims: readonly Claim[]) {
  return await sql<{ name: string; table: string; columns: readonly string[]; keys: readonly string[] | null }[]>`
    WITH claimed AS (
      SELECT c.name, c.declared, to_regclass(quote_ident(c.declared))::oid AS oid,
             string_to_array(c.key, ',') AS key, string_to_array(c.columns, ',') AS columns
      FROM unnest(${claims.map(({ name }) => name)}::text[], ${claims.map(({ table }) => table)}::text[],
                  ${claims.map(({ shape }) => shape.key.join())}::text[],
                  ${claims.map(({ shape }) => [...shape.key, ...(shape.unique ?? []).flat()].join())}::text[])
             AS c (name, declared, key, columns)
    ), keys AS (
      SELECT c.oid, i.indexrelid,
             ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS p (attnum)
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.attnum ORDER BY 1) AS columns
      FROM (SELECT DISTINCT oid FROM claimed) AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
    )
    SELECT c.name, c.declared AS table,
           ARRAY(SELECT w.name FROM unnest(c.columns) AS w (name) WHERE NOT EXISTS (
             SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped)
           ) AS columns,
           (SELECT array_agg(array_to_string(k.columns, ', ') ORDER BY k.indexrelid) FROM keys AS k
            WHERE k.oid = c.oid AND NOT EXISTS (
              SELECT FROM keys AS own WHERE own.oid = c.oid
                AND own.columns = ARRAY(SELECT w.name FROM unnest(c.key) AS w (name) ORDER BY w.name))) AS keys
    FROM claimed AS c WHERE c.oid IS NOT NULL`;
}

/** Leaves out views that cannot be written: a projection can neither add rows to them nor delete any. */
async function writable(sql: Queryable, claims: readonly Claim[]): Promise<readonly Claim[]> {
  const rows = await sql<{ table: string }[]>`
    SELECT t.name AS table FROM unnest(${claims.map(({ table }) => table)}::text[]) AS t (name)
    JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))
    WHERE c.relkind NOT IN ('v', 'm') OR pg_relation_is_updatable(c.oid, true) <> 0`;
  const names = new Set(rows.map(({ table }) => table));
  return claims.filter(({ table }) => names.has(table));
}

/** The first of these tables that has rows, or null. A table that does not exist has none. */
export async function firstFilled(sql: Queryable, claims: readonly Claim[]): Promise<Claim | null> {
  for (const claim of await writable(sql, claims)) {
    const [row] = await sql.unsafe<{ filled: boolean }[]>(
      `SELECT EXISTS (SELECT FROM ${quoteIdentifier(claim.table)}) AS filled`,
    );
    if (row?.filled === true) return claim;
  }
  return null;
}

/**
 * Reads why these tables must not be given to these projections: the first reason for each refused projection, by name.
 * Nothing is changed.
 * @param filled whether a table with rows is refused: yes, unless its rows are about to be deleted or are adopted
 * @param lacking what is objected to claims on tables that lack rows of events that were applied, also if they are empty
 * @param here names of all projections of this daemon: it empties a child table together with the projection of its parent
 */
export async function objections(
  sql: Queryable,
  claims: readonly Claim[],
  {
    filled,
    lacking = new Map(),
    here,
  }: {
    readonly filled: boolean;
    readonly lacking?: ReadonlyMap<Claim, EngineError>;
    readonly here: readonly string[];
  },
): Promise<ReadonlyMap<string, EngineError>> {
  const found = new Map<string, EngineError>();
  const refuse = (name: string, error: EngineError) => void (found.has(name) || found.set(name, error));
  if (claims.length === 0) return found;
  for (const { name, table, owner, other, throughView } of await readOverlaps(sql, claims)) {
    if (owner !== null && here.includes(owner) && !throughView) continue;
    if (owner === null) refuse(name, new EngineError('TABLE_RESERVED', { name, table, other }));
    else refuse(name, new EngineError('TABLE_SHARED', { table, first: owner, second: name }));
  }
  for (const { name, table, columns, keys } of await readLacks(sql, claims)) {
    const lack =
      columns.length > 0
        ? `column ${columns.join(', ')}`
        : keys === null
          ? null
          : `a unique key on ${claims.find((one) => one.name === name && one.table === table)?.shape.key.join(', ')} (it has one on ${keys.join(' and on ')})`;
    if (lack !== null) refuse(name, new EngineError('TABLE_UNFIT', { name, table, lack }));
  }
  for (const [{ name }, error] of lacking) refuse(name, error);
  if (!filled) return found;
  for (const name of new Set(claims.map((claim) => claim.name))) {
    if (found.has(name)) continue;
    const claim = await firstFilled(
      sql,
      claims.filter((one) => one.name === name),
    );
    if (claim !== null) refuse(name, new EngineError('TABLE_NOT_EMPTY', { name, table: claim.table }));
  }
  return found;
}
