import { afterAll, beforeAll, expect, test } from 'vitest';
import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { readPage } from '../../src/event-store/read.ts';
import { type ColumnValue, type Decimal, defineProjection, increment, upsert } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { applyPage } from '../../src/projector/apply-page.ts';
import { readCatalog } from '../../src/read-model/catalog.ts';
import { createMemoryStage } from '../../src/testing/index.ts';
import { play } from '../../src/testing/play.ts';
import { createCompletion } from '../../src/testing/test-event.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

interface Paid {
  readonly name: 'Paid';
  readonly payload: { readonly amount: number | Decimal; readonly fee?: string };
}

/** The amount as it came, the sum of all of them, and the payload as a whole. */
const projection = defineProjection<Paid>()({
  name: 'paid',
  schema: 'CREATE TABLE IF NOT EXISTS paid (id int PRIMARY KEY, amount numeric, total numeric, doc jsonb)',
  tables: { paid: { key: ['id'] } },
  on: {
    Paid: ({ payload }) => {
      const { amount, fee } = payload;
      const total = increment(fee ?? amount);
      return upsert('paid', { id: 1, amount, total, doc: { payload } as ColumnValue }, { conflict: ['id'] });
    },
  },
});

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [projection]);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const LONG = '12345678901234567.890123456789';
const AMOUNTS = ['0.00000000000000000001', '-0.5', '12.50', LONG];

// Seen red with: isExactNumber always true; Decimal left out of encode's numeric; of stringifyJson.
test.each([
  ['in order', { foldFrom: 99, atOnce: false }],
  ['folded', { foldFrom: 1, atOnce: false }],
  ['at once', { foldFrom: 99, atOnce: true }],
])('decimals of a payload reach numeric and jsonb columns digit for digit, %s', async (_, way) => {
  const catalog = await readCatalog(sql, ['paid']);
  const settings = { sql, control: sql, owner: 'test', owners: new Map(), policy: HALT_AT_ONCE, ...way };
  // Twice, since a handler that nobody knows is not called ahead of its transaction.
  for (let turn = 0; turn < 2; turn += 1) {
    await sql`TRUNCATE events, paid RESTART IDENTITY`;
    await sql`UPDATE projection_state SET cursor = 0`;
    for (const [place, amount] of AMOUNTS.entries()) {
      await sql.unsafe(`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
        VALUES ('a', 'a', ${place}, 'Paid', '{"amount": ${amount}}')`);
    }
    const page = await readPage(sql, { after: 0n, head: 4n, names: null, limit: 100, maxBytes: 1e6 });
    const work = { projection, page, cursor: 0n, generation: 0n, replayUntil: 0n, attempt: false, catalog };
    expect(await applyPage(settings, work)).toMatchObject({ kind: 'applied', cursor: 4n });
    expect(await sql`SELECT amount, total, doc::text FROM paid`).toEqual([
      { amount: LONG, total: '12345678901234579.89012345678900000001', doc: `{"payload": {"amount": ${LONG}}}` },
    ]);
    expect(await sql`SELECT payload ->> 'amount' AS amount FROM events ORDER BY position`).toEqual(
      AMOUNTS.map((amount) => ({ amount })),
    );
  }
});

// Seen red with: the sum made of JavaScript numbers in src/testing/memory/changed.ts.
test('in memory amounts that are text add up to every digit', async () => {
  const complete = createCompletion();
  const tested = ['0.10', '0.20', '12345678901234567.25'].map((fee) =>
    complete({ name: 'Paid', payload: { amount: 1, fee } }),
  );
  const signal = new AbortController().signal;
  const memory = createMemoryStage();
  const first = await play(memory, { projection, others: [], history: [], tested: tested.slice(0, 2) }, signal);
  expect(first.after.get('paid')).toMatchObject([{ total: 0.3 }]);
  const { after } = await play(memory, { projection, others: [], history: [], tested }, signal);
  expect(String(after.get('paid')?.[0]?.['total'])).toBe('12345678901234567.55');
});
