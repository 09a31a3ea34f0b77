import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { type Claim, claimsOf } from '../core/table-owners.ts';
import {
  ADDED_TABLE,
  areIdsUnknown,
  isViewId,
  NO_TABLE,
  readIds,
  recordIds,
  recordUnknownIds,
  replacedTable,
  storeOids,
} from '../event-store/table-ids.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { lockClaims, objections } from './claims.ts';
import { readShared, refuseShared } from './overlaps.ts';
import { lockRows } from './projection-state.ts';
import { startOver, tablesOf } from './start-over.ts';
import { readUnsafe, refuseUnsafe } from './unsafe-storage.ts';

/** For the lock on a table that is read, and on a row that a page of another daemon holds: longer than a page may take. */
const LOCK_TIMEOUT = '60s';

interface Registered {
  readonly tables: readonly string[];
  /** Ids of `tables`, in the same order. */
  readonly ids: readonly string[];
  readonly refused: string | null;
  readonly cursor: bigint;
  /** Whether the ids of its tables were not recorded in this database. */
  readonly unknown: boolean;
  /** One of its tables whose name now resolves to another table, or to none; null if there is none. */
  readonly replaced: string | null;
}

/**
 * Inserts the rows of each projection, with cursor 0, before anything else reads them: a missing row could not be locked or
 * compared. A table that a projection has not had before is checked first: it must be empty, have the declared columns and
 * keys, and belong to no other projection. Tables are identified by oid, views by the tables beneath them: a table with only
 * the name of an earlier one is another table. It is refused also if it is empty, since the rows up to the cursor are missing.
 * So is a table that is added to a projection that has applied events.
 * A projection whose tables are not its own is registered as refused, and does not run until an operator chooses RESET,
 * adopt, or another table.
 * @returns the reasons of the refused projections, by name
 */
export async function register(sql: Sql, projections: readonly Projection[]): Promise<ReadonlyMap<string, string>> {
  // If nothing changes, no lock is taken: another daemon may be in the middle of a reset.
  const complete = isComplete(await readRegistered(sql, projections), projections);
  if (complete && (await readShared(sql)).length === 0 && (await readUnsafe(sql)).size === 0) return new Map();
  return await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await lockClaims(tx, 'exclusive');
    return await registerIn(tx, projections);
  });
}

async function registerIn(tx: Tx, projections: readonly Projection[]): Promise<ReadonlyMap<string, string>> {
  // The migration records them too, but this role may not be allowed to migrate.
  await recordUnknownIds(tx);
  await refuseShared(tx);
  await refuseUnsafe(tx);
  const before = await readRegistered(tx, projections);
  const ids = await readIds(tx, [...new Set(projections.flatMap(({ tables }) => [...tables.keys()]))]);
  // First, so that a table that moves from one projection to another is free.
  await release(tx, projections, before);
  const claims = claimsOf(projections).filter((claim) => isNew(claim, before.get(claim.name), ids));
  const filling = fillingOf(projections, claims, before);
  const refused = await objections(tx, claims, {
    filled: true,
    // Also of tables that are not new.
    unsafe: await readUnsafe(tx, claimsOf(projections)),
    lacking: lackingRows(claims, before, filling),
  });
  await insertRows(tx, projections);
  const granted = projections.filter(({ name }) => !refused.has(name));
  const over = granted.filter(({ name }) => filling.has(name));
  await startOver(tx, over, null);
  await recordIds(
    tx,
    over.map(({ name }) => name),
  );
  await record(tx, { projections, before, ids, refused });
  return new Map([...refused].map(([name, error]) => [name, error.message]));
}

async function readRegistered(
  sql: Queryable,
  projections: readonly Projection[],
): Promise<ReadonlyMap<string, Registered>> {
  const rows = await sql<(Registered & { name: string })[]>`
    SELECT s.name, s.tables, coalesce(s.table_ids, '{}') AS ids, s.refused, s.cursor,
           ${areIdsUnknown(sql)} AS unknown, ${replacedTable(sql)} AS replaced
    FROM projection_state AS s
    WHERE s.name = ANY(${projections.map(({ name }) => name)}::text[]) AND s.instance_id = ''`;
  return new Map(rows.map((row) => [row.name, row]));
}

function isComplete(rows: ReadonlyMap<string, Registered>, projections: readonly Projection[]): boolean {
  return projections.every((one) => {
    const row = rows.get(one.name);
    if (row === undefined || row.unknown || row.replaced !== null) return false;
    return row.refused === null && row.tables.join() === tablesOf(one);
  });
}

function isNew({ table }: Claim, row: Registered | undefined, ids: ReadonlyMap<string, string>): boolean {
  if (row === undefined) return true;
  // A row without tables is from a version that did not record them: its projection has filled the declared ones since.
  if (row.tables.length === 0 && row.refused === null) return false;
  const id = ids.get(table);
  if (id === undefined) return true;
  // A table may have been renamed together with its declaration. Two views of one table are not the same view.
  return isViewId(id) ? row.ids[row.tables.indexOf(table)] !== id : !row.ids.includes(id);
}

/**
 * Refused projections with a cursor above 0 that declare none of the tables that they had. None of their declared tables is
 * filled up to the cursor, so they start over at 0 if their tables are empty.
 */
function fillingOf(
  projections: readonly Projection[],
  claims: readonly Claim[],
  before: ReadonlyMap<string, Registered>,
): ReadonlySet<string> {
  return new Set(
    projections.flatMap(({ name, tables }) => {
      const row = before.get(name);
      if (row === undefined || row.refused === null || row.cursor === 0n) return [];
      const own = claims.filter((claim) => claim.name === name);
      return own.length === tables.size && own.every(({ table }) => !row.tables.includes(table)) ? [name] : [];
    }),
  );
}

/** The claims on tables that lack the rows up to the cursor of their projection, each with the reason to refuse it. */
function lackingRows(
  claims: readonly Claim[],
  before: ReadonlyMap<string, Registered>,
  filling: ReadonlySet<string>,
): ReadonlyMap<Claim, EngineError> {
  const found = new Map<Claim, EngineError>();
  for (const claim of claims) {
    const { name, table } = claim;
    const row = before.get(name);
    if (row === undefined) continue;
    const recorded = row.ids[row.tables.indexOf(table)];
    if (recorded !== undefined && recorded !== ADDED_TABLE)
      found.set(claim, new EngineError('TABLE_REPLACED', { name, table }));
    else if (row.cursor > 0n && !filling.has(name))
      found.set(claim, new EngineError('TABLE_ADDED', { name, table, cursor: row.cursor }));
  }
  return found;
}

async function release(tx: Tx, projections: readonly Projection[], before: ReadonlyMap<string, Registered>) {
  const left = projections.flatMap((one) => {
    const row = before.get(one.name);
    if (row === undefined) return [];
    const kept = row.tables.flatMap((table, index) =>
      one.tables.has(table) ? [{ table, id: row.ids[index] ?? NO_TABLE }] : [],
    );
    return kept.length === row.tables.length ? [] : [{ name: one.name, tables: kept }];
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

interface Registration {
  readonly projections: readonly Projection[];
  readonly before: ReadonlyMap<string, Registered>;
  /** Ids of the declared tables, by name. */
  readonly ids: ReadonlyMap<string, string>;
  readonly refused: ReadonlyMap<string, EngineError>;
}

/** Updates only the rows that change: an UPDATE waits for a page that holds the row. */
async function record(tx: Tx, { projections, before, ids, refused }: Registration): Promise<void> {
  const granted = ({ tables }: Projection): readonly Recorded[] =>
    [...tables.keys()].sort().map((table) => ({ table, id: ids.get(table) ?? NO_TABLE }));
  await setTables(
    tx,
    projections
      .map((one) => {
        const refusal = refused.get(one.name);
        if (refusal === undefined) return { name: one.name, tables: granted(one) };
        const kept = recordedOf(before.get(one.name)).filter(({ table }) => one.tables.has(table));
        // Recorded as added, so that the next start with the same declaration does not start over with it.
        const added =
          refusal.code !== 'TABLE_ADDED'
            ? []
            : granted(one).filter(({ table }) => !kept.some((t) => t.table === table));
        return { name: one.name, tables: [...kept, ...added.map(({ table }) => ({ table, id: ADDED_TABLE }))] };
      })
      .filter(({ name, tables }) => textOf(tables) !== textOf(recordedOf(before.get(name)))),
  );
  const reasons = projections
    .map(({ name }) => ({ name, reason: refused.get(name)?.message ?? null }))
    .filter(({ name, reason }) => (before.get(name)?.refused ?? null) !== reason);
  if (reasons.length === 0) return;
  await lockRows(
    tx,
    reasons.map(({ name }) => name),
  );
  await tx`
    UPDATE projection_state AS s
    SET refused = d.reason, generation = generation + (d.reason IS NULL)::int  -- so that other daemons notice that the projection may run
    FROM unnest(${reasons.map(({ name }) => name)}::text[], ${reasons.map(({ reason }) => reason)}::text[]) AS d (name, reason)
    WHERE s.name = d.name AND s.instance_id = '' AND s.refused IS DISTINCT FROM d.reason`;
}

interface Recorded {
  readonly table: string;
  readonly id: string;
}

function recordedOf(row: Registered | undefined): readonly Recorded[] {
  return row?.tables.map((table, index) => ({ table, id: row.ids[index] ?? NO_TABLE })) ?? [];
}

function textOf(tables: readonly Recorded[]): string {
  return tables.map(({ table, id }) => `${table} ${id}`).join();
}

async function setTables(
  tx: Tx,
  rows: readonly { readonly name: string; readonly tables: readonly Recorded[] }[],
): Promise<void> {
  if (rows.length === 0) return;
  await lockRows(
    tx,
    rows.map(({ name }) => name),
  );
  await tx`
    UPDATE projection_state AS s
    SET tables = string_to_array(d.tables, ','), table_ids = string_to_array(d.ids, ' '), store_oids = ${storeOids(tx)}
    FROM unnest(${rows.map(({ name }) => name)}::text[],
                ${rows.map(({ tables }) => tables.map(({ table }) => table).join())}::text[],
                ${rows.map(({ tables }) => tables.map(({ id }) => id).join(' '))}::text[]) AS d (name, tables, ids)
    WHERE s.name = d.name AND s.instance_id = ''`;
}
