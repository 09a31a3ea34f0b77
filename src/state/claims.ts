import { EngineError } from '../core/errors.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Claim } from '../core/table-owners.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import { overlapsOf } from './overlaps.ts';

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
 */
export async function objections(
  sql: Queryable,
  claims: readonly Claim[],
  { filled, lacking = new Map() }: { readonly filled: boolean; readonly lacking?: ReadonlyMap<Claim, EngineError> },
): Promise<ReadonlyMap<string, EngineError>> {
  const found = new Map<string, EngineError>();
  const refuse = (name: string, error: EngineError) => void (found.has(name) || found.set(name, error));
  if (claims.length === 0) return found;
  const order = [...new Set(claims.map(({ name }) => name))];
  for (const { name, table, owner, other, claimed } of await overlapsOf(sql, claims)) {
    if (owner === null) refuse(name, new EngineError('TABLE_RESERVED', { name, table, other }));
    // Of two projections that claim the same table now, the one that is declared first gets it.
    else if (!claimed || order.indexOf(owner) < order.indexOf(name))
      refuse(name, new EngineError('TABLE_SHARED', { table, first: owner, other, second: name }));
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
