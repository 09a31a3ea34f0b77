import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Queryable, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const READ_COMMITTED = 'ISOLATION LEVEL READ COMMITTED';
/** Prepared statements of one connection at most; the bound in src/postgres/plan-names.ts. */
const MOST = 500;
let database: TestDatabase;
let pool: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function withPool(work: () => Promise<void>): Promise<void> {
  pool = connect({ address: { url: database.url }, applicationName: 'plans', max: 1, answerWithinMs: 20_000 });
  try {
    await work();
  } finally {
    await pool.end({ timeout: 1 });
  }
}

const numbered = (n: number) => `SELECT $1::int + ${n} AS sum`;
const run = (n: number, sql: Queryable = pool) => sql.unsafe<{ sum: number }[]>(numbered(n), [1], { prepare: true });
const prepared = async () => await pool.unsafe<{ statement: string }[]>('SELECT statement FROM pg_prepared_statements');

// Seen red with: the loop that evicts left out of `PlanNames.use` (1200), and `connection.close` left out of
// `prepareOn` (1200 at the server, 500 in PlanNames).
test('a session that is sent ever new statements keeps the latest 500, at the server too', async () => {
  await withPool(async () => {
    for (let from = 0; from < 1200; from += 100) {
      await pool.begin(async (tx) => {
        const sent = Array.from({ length: 100 }, (_, index) => run(from + index, tx).execute());
        for (const [index, rows] of sent.entries()) expect(await rows).toEqual([{ sum: from + index + 1 }]);
      });
    }
    const kept = (await prepared()).map(({ statement }) => statement);
    expect(kept).toHaveLength(MOST);
    expect(kept).toContain(numbered(1199));
    expect(kept).not.toContain(numbered(0));
    expect(pool.counts().evicted).toBe(1200 - MOST);
    // A statement that was closed is prepared again.
    expect(await run(0)).toEqual([{ sum: 1 }]);
    expect((await prepared()).map(({ statement }) => statement)).toContain(numbered(0));
  });
});

// Seen red with: `rememberParsed` that does nothing (prepared anew each time); a single round trip that prepares nothing;
// one that prepares under a text of its own.
test('a text is prepared once, whether it is sent alone or in a single round trip', async () => {
  await withPool(async () => {
    const sum = { text: numbered(7), values: [1] };
    const sums = async () =>
      await pool.unsafe(`SELECT name, statement, prepare_time FROM pg_prepared_statements ORDER BY 1`);
    await pool.singleRoundTrip(READ_COMMITTED, [sum]);
    const first = await sums();
    expect(first.map(({ statement }) => statement)).toContain(numbered(7));
    expect(await run(7)).toEqual([{ sum: 8 }]);
    await pool.singleRoundTrip(READ_COMMITTED, [sum, sum]);
    expect(await run(7)).toEqual([{ sum: 8 }]);
    expect(await sums()).toEqual(first);
  });
});

// Seen red with: the Close in front of a Parse left out of `prepareOn` ("prepared statement … already exists").
test('a statement that a failed transaction may have prepared can be prepared again', async () => {
  await withPool(async () => {
    const failing = pool.singleRoundTrip(READ_COMMITTED, [
      { text: numbered(9), values: [1] },
      pool`SELECT 1 / ${0}::int`,
    ]);
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await run(9)).toEqual([{ sum: 10 }]);
    await pool.singleRoundTrip(READ_COMMITTED, [{ text: numbered(9), values: [2] }]);
  });
});

// Seen red with: `has` left out of `rememberParsed` (the server no longer has the statement that is then bound).
test('a transaction with more statements than a session keeps is applied, and its statements can be sent again', async () => {
  await withPool(async () => {
    const many = Array.from({ length: MOST + 100 }, (_, n) => ({ text: numbered(n), values: [1] }));
    for (let turn = 0; turn < 2; turn += 1) await pool.singleRoundTrip(READ_COMMITTED, many);
    expect(await run(0)).toEqual([{ sum: 1 }]);
    expect(await run(MOST + 99)).toEqual([{ sum: MOST + 100 }]);
    expect(await prepared()).toHaveLength(MOST);
  });
});
