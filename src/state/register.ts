import type { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { type Claim, claimsOf, lockClaims, objections } from './claims.ts';

/** Of a table that is looked into, of a row that another daemon's page holds: longer than either has a right to. */
const LOCK_TIMEOUT = '60s';

interface Registered {
  readonly tables: readonly string[];
  readonly refused: string | null;
}

/**
 * Gives each projection its rows, at 0, before anything is read: a missing row could not be locked or compared. A table
 * that a projection has not had before is proved first: it must be empty, be the declared one and belong to nobody else.
 * A projection whose tables are not is registered as refused, and stands still until an operator decides: RESET, adopt,
 * or another table. One that was registered before keeps its tables unasked.
 * @returns why the refused ones are, by name
 */
export async function register(sql: Sql, projections: readonly Projection[]): Promise<ReadonlyMap<string, string>> {
  // Nothing is locked where nothing changes: another daemon may be in the middle of a reset.
  if (isComplete(await readRegistered(sql, projections), projections)) return new Map();
  return await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await lockClaims(tx, 'exclusive');
    return await registerIn(tx, projections);
  });
}

async function registerIn(tx: Tx, projections: readonly Projection[]): Promise<ReadonlyMap<string, string>> {
  const before = await readRegistered(tx, projections);
  // First: a table that moves from one projection to another is free by then.
  await release(tx, projections, before);
  const claims = claimsOf(projections).filter((claim) => isNew(claim, before.get(claim.name)));
  const refused = await objections(tx, claims, { filled: true, here: projections.map(({ name }) => name) });
  await insertRows(tx, projections);
  await record(tx, projections, before, refused);
  return new Map([...refused].map(([name, error]) => [name, error.message]));
}

async function readRegistered(
  sql: Queryable,
  projections: readonly Projection[],
): Promise<ReadonlyMap<string, Registered>> {
  const rows = await sql<(Registered & { name: string })[]>`
    SELECT name, tables, refused FROM projection_state
    WHERE name = ANY(${projections.map(({ name }) => name)}::text[]) AND instance_id = ''`;
  return new Map(rows.map((row) => [row.name, row]));
}

function isComplete(rows: ReadonlyMap<string, Registered>, projections: readonly Projection[]): boolean {
  return projections.every((one) => {
    const row = rows.get(one.name);
    return row !== undefined && row.refused === null && row.tables.join() === tablesOf(one);
  });
}

/** As `tables` of projection_state is written: a name of a table has no comma in it. */
export function tablesOf({ tables }: Pick<Projection, 'tables'>): string {
  return [...tables.keys()].sort().join();
}

/** A row without tables was written before they were recorded: its projection has filled them since. */
function isNew({ table }: Claim, row: Registered | undefined): boolean {
  return row === undefined || !(row.tables.includes(table) || (row.tables.length === 0 && row.refused === null));
}

async function release(tx: Tx, projections: readonly Projection[], before: ReadonlyMap<string, Registered>) {
  const left = projections.flatMap((one) => {
    const row = before.get(one.name);
    const kept = row?.tables.filter((table) => one.tables.has(table)) ?? [];
    return row === undefined || kept.length === row.tables.length ? [] : [{ name: one.name, kept: kept.join() }];
  });
  await setTables(tx, left);
}

async function insertRows(tx: Tx, projections: readonly Projection[]): Promise<void> {
  await tx`
    WITH declared AS (SELECT * FROM unnest(${projections.map(({ name }) => name)}::text[],
                                           ${projections.map(({ version }) => version)}::int[]) AS d (name, version)),
         published AS (INSERT INTO readviews (name, position) SELECT name, 0 FROM declared ORDER BY name ON CONFLICT DO NOTHING)
    INSERT INTO projection_state (name, version) SELECT name, version FROM declared ORDER BY name ON CONFLICT DO NOTHING`;
}

/** Only where it changes something: an UPDATE waits for a page in flight. */
async function record(
  tx: Tx,
  projections: readonly Projection[],
  before: ReadonlyMap<string, Registered>,
  refused: ReadonlyMap<string, EngineError>,
): Promise<void> {
  const granted = projections.filter(({ name }) => !refused.has(name));
  await setTables(
    tx,
    granted
      .filter((one) => before.get(one.name)?.tables.join() !== tablesOf(one))
      .map((one) => ({ name: one.name, kept: tablesOf(one) })),
  );
  const reasons = projections
    .map(({ name }) => ({ name, reason: refused.get(name)?.message ?? null }))
    .filter(({ name, reason }) => (before.get(name)?.refused ?? null) !== reason);
  if (reasons.length === 0) return;
  await lockRows(tx, reasons);
  await tx`
    UPDATE projection_state AS s
    SET refused = d.reason, generation = generation + (d.reason IS NULL)::int  -- workers elsewhere notice that they may go on
    FROM unnest(${reasons.map(({ name }) => name)}::text[], ${reasons.map(({ reason }) => reason)}::text[]) AS d (name, reason)
    WHERE s.name = d.name AND s.instance_id = '' AND s.refused IS DISTINCT FROM d.reason`;
}

async function setTables(tx: Tx, rows: readonly { readonly name: string; readonly kept: string }[]): Promise<void> {
  if (rows.length === 0) return;
  await lockRows(tx, rows);
  await tx`
    UPDATE projection_state AS s SET tables = string_to_array(d.tables, ',')
    FROM unnest(${rows.map(({ name }) => name)}::text[], ${rows.map(({ kept }) => kept)}::text[]) AS d (name, tables)
    WHERE s.name = d.name AND s.instance_id = '' AND s.tables <> string_to_array(d.tables, ',')`;
}

/** In the order in which a reset locks them too. */
async function lockRows(tx: Tx, rows: readonly { readonly name: string }[]): Promise<void> {
  await tx`
    SELECT FROM projection_state WHERE name = ANY(${rows.map(({ name }) => name)}::text[]) AND instance_id = ''
    ORDER BY name FOR UPDATE`;
}
