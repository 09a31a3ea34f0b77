import fc from 'fast-check';
import { expect } from 'vitest';
import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { append } from '../../src/event-store/append.ts';
import { readPage } from '../../src/event-store/read.ts';
import { recordIds } from '../../src/event-store/table-ids.ts';
import { defineProjection, type Statement } from '../../src/index.ts';
import { stringifyJson } from '../../src/postgres/json.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { applyPage } from '../../src/projector/apply-page.ts';
import { type Catalog, readCatalog } from '../../src/read-model/catalog.ts';
import { readState } from '../../src/state/projection-state.ts';
import { KINDS, type Made, madeTables, tableText, trapsOf } from './fold-schemas.ts';

/** Statements by index. The payloads hold the index alone, because JSON cannot represent `increment`. */
let script: readonly (readonly Statement[])[] = [];

/** The catalog of the current table. */
let catalog: Catalog | null = null;

export const maker = defineProjection<{ name: 'Did'; payload: { nth: number } }>()({
  name: 'maker',
  tables: { made: { key: ['id'] } },
  on: { Did: ({ payload }) => script[payload.nth] ?? [] },
});

/** The number of tables of a kind, of those that were folded, and of those whose history ended in a failure. */
export interface Seen {
  tables: number;
  folded: number;
  failed: number;
}

/** A new table with a new history, applied one by one, folded and in a single round trip: rows, cursor and failure are the same. */
export async function runMade(
  sql: Sql,
  made: Made,
  seen: Map<string, Seen>,
  { isNew = true }: { readonly isNew?: boolean } = {},
): Promise<void> {
  if (isNew) {
    await sql.unsafe(tableText(made));
    await recordIds(sql, ['maker']);
  }
  await sql`TRUNCATE events RESTART IDENTITY`;
  script = made.history;
  await append(
    sql,
    made.history.map((_, nth) => ({
      aggregateName: 'a',
      aggregateId: 'a',
      sequenceNo: nth,
      name: 'Did',
      payload: { nth },
    })),
  );
  if (isNew || catalog === null) catalog = await readCatalog(sql, ['made']);
  const oneByOne = await apply(sql, catalog, made, [1], { foldFrom: Number.POSITIVE_INFINITY, singleRoundTrip: false });
  const folded = await apply(sql, catalog, made, made.pages, { foldFrom: 1, singleRoundTrip: false });
  expect(folded.outcome).toEqual(oneByOne.outcome);
  const singleRoundTrip = await apply(sql, catalog, made, made.pages, {
    foldFrom: Number.POSITIVE_INFINITY,
    singleRoundTrip: true,
  });
  expect(singleRoundTrip.outcome).toEqual(oneByOne.outcome);
  for (const kind of [...made.kinds, `key: ${made.key}`]) {
    const counts = seen.get(kind) ?? { tables: 0, folded: 0, failed: 0 };
    counts.tables += 1;
    if (folded.pages > 0) counts.folded += 1;
    if (oneByOne.outcome.failures.length > 0) counts.failed += 1;
    seen.set(kind, counts);
  }
}

async function apply(
  sql: Sql,
  catalog: Catalog,
  made: Made,
  sizes: readonly number[],
  mode: { readonly foldFrom: number; readonly singleRoundTrip: boolean },
) {
  await sql`DELETE FROM made`;
  await sql`DELETE FROM projection_failures`;
  await sql`UPDATE projection_state SET cursor = 0, last_event_id = NULL, status = 'running'`;
  const head = BigInt(made.history.length);
  const settings = { sql, control: sql, owner: 'maker', owners: new Map(), policy: HALT_AT_ONCE, ...mode };
  let pages = 0;
  for (let turn = 0; ; turn++) {
    const state = await readState(sql, 'maker');
    const cursor = state?.cursor ?? 0n;
    if (cursor >= head || state?.status === 'halted') break;
    const page = await readPage(sql, {
      after: cursor,
      head,
      names: null,
      limit: sizes[turn % sizes.length] ?? 1,
      maxBytes: 1e8,
    });
    const work = {
      projection: maker,
      page,
      cursor,
      generation: state?.generation ?? 0n,
      replayUntil: 0n,
      attempt: false,
      catalog,
    };
    const outcome = await applyPage(settings, work);
    if (outcome.kind === 'applied' && outcome.mode === 'folded' && page.events.length > 1) pages += 1;
  }
  const [{ cursor }] = await sql<[{ cursor: bigint }]>`SELECT cursor FROM projection_state WHERE name = 'maker'`;
  // The values of an identity column depend on the number of attempts.
  const rows = await sql<
    { row: string }[]
  >`SELECT (to_jsonb(m) - 'drawn')::text AS row FROM made AS m ORDER BY id, part`;
  const failures = await sql`SELECT position, sqlstate FROM projection_failures`;
  return { pages, outcome: { cursor, rows: rows.map(({ row }) => row), failures } };
}

/** A table of each kind alone, with the histories that are made for it. @returns the counts of each kind */
export async function expectNoTraps(sql: Sql): Promise<ReadonlyMap<string, Seen>> {
  const seen = new Map<string, Seen>();
  for (const kind of Object.keys(KINDS)) {
    for (const [index, history] of trapsOf(kind).entries()) {
      const made: Made = { kinds: [kind], key: 'one', history, pages: [history.length] };
      try {
        await runMade(sql, made, seen, { isNew: index === 0 });
      } catch (error) {
        throw new Error(`${kind}: ${stringifyJson(history)}`, { cause: error });
      }
    }
  }
  return seen;
}

/** `runs` tables for each kind. @returns the counts of each kind */
export async function expectLawOfSchemas(sql: Sql, runs: number, seed: number): Promise<ReadonlyMap<string, Seen>> {
  const seen = new Map<string, Seen>();
  for (const [index, kind] of Object.keys(KINDS).entries()) {
    await fc.assert(
      fc.asyncProperty(madeTables(kind), async (made) => await runMade(sql, made, seen)),
      { numRuns: runs, seed: seed + index },
    );
  }
  return seen;
}

export function describeSeen(seen: ReadonlyMap<string, Seen>): string {
  return [...seen]
    .map(([kind, { tables, folded, failed }]) => `${kind}: ${tables} (${folded} folded, ${failed} failed)`)
    .join('\n');
}
