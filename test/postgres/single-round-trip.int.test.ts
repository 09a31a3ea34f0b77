import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isConnectionLost } from '../../src/postgres/errors.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const READ_COMMITTED = 'ISOLATION LEVEL READ COMMITTED';
let database: TestDatabase;
let pool: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = connect({
    address: { url: database.url },
    applicationName: 'single round trip',
    max: 1,
    answerWithinMs: 20_000,
  });
  await pool`CREATE TABLE noted (n int PRIMARY KEY, other int REFERENCES noted DEFERRABLE INITIALLY DEFERRED)`;
});
beforeEach(async () => {
  await pool`TRUNCATE noted`;
});
afterAll(async () => {
  await pool.end({ timeout: 1 });
  await database.drop();
});

const note = (n: number) => pool`INSERT INTO noted (n) VALUES (${n})`;
const noted = async () => (await database.sql<{ n: number }[]>`SELECT n FROM noted ORDER BY n`).map(({ n }) => n);

test('a single round trip is one transaction, also when it is sent again with prepared texts', async () => {
  for (const n of [1, 3]) {
    const texts = [
      note(n),
      pool`SELECT set_config('lock_timeout', ${'7s'}, true)`,
      { text: 'INSERT INTO noted (n, other) VALUES ($1, $2)', values: [n + 1, n] },
    ];
    await pool.singleRoundTrip(READ_COMMITTED, texts);
  }
  expect(await noted()).toEqual([1, 2, 3, 4]);
  const rows = await database.sql<{ xmin: string }[]>`SELECT DISTINCT xmin::text FROM noted`;
  expect(rows).toHaveLength(2);
  // The setting applied to the transaction alone.
  expect(await pool`SHOW lock_timeout`).toEqual([{ lock_timeout: '0' }]);
});

// Seen red with: a Sync behind each statement.
test('when a statement fails, the transaction is rolled back, and the session is used again', async () => {
  for (let turn = 0; turn < 2; turn += 1) {
    const failing = pool.singleRoundTrip(READ_COMMITTED, [note(1), pool`SELECT 1 / ${0}::int`, note(2)]);
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(await noted()).toEqual([]);
  }
  await pool.singleRoundTrip(READ_COMMITTED, [note(1)]);
  expect(await noted()).toEqual([1]);
  expect(await pool`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

// Seen red with: a Sync behind each statement (1 is then written outside of a transaction).
test('when BEGIN fails, none of the statements runs', async () => {
  await expect(pool.singleRoundTrip('ISOLATION LEVEL WHATEVER', [note(1)])).rejects.toMatchObject({ code: '42601' });
  expect(await noted()).toEqual([]);
});

test('an error that only COMMIT finds rejects, and the transaction is rolled back', async () => {
  const orphan = { text: 'INSERT INTO noted (n, other) VALUES ($1, $2)', values: [1, 99] };
  await expect(pool.singleRoundTrip(READ_COMMITTED, [orphan])).rejects.toMatchObject({ code: '23503' });
  expect(await noted()).toEqual([]);
});

test('an invalid parameter is refused before anything is sent', async () => {
  const unfit = { text: 'INSERT INTO noted (n) VALUES ($1)', values: [undefined] };
  await expect(pool.singleRoundTrip(READ_COMMITTED, [note(1), unfit])).rejects.toThrow(TypeError);
  expect(await noted()).toEqual([]);
});

// Seen red with: handleError of the driver not called (the promise then never settles).
test('a session that is terminated meanwhile is a lost connection, and the pool goes on', async () => {
  const [{ pid }] = await pool<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
  const lost = pool.singleRoundTrip(READ_COMMITTED, [note(1), pool`SELECT pg_sleep(30)`]);
  const outcome = expect(lost).rejects.toSatisfy(isConnectionLost);
  await expect
    .poll(() => database.sql`SELECT FROM pg_stat_activity WHERE pid = ${pid} AND query LIKE '%sleep%'`)
    .toHaveLength(1);
  await database.sql`SELECT pg_terminate_backend(${pid}, 5000)`;
  await outcome;
  expect(await noted()).toEqual([]);
  await pool.singleRoundTrip(READ_COMMITTED, [note(2)]);
  expect(await noted()).toEqual([2]);
});

// Seen red with: `query_timeout` given to the driver and an end of SingleRoundTrip's own (`handleReadyForQuery` that calls no
// callback of the driver's), and with `this.#pending.delete` left out of `AnswerWatch.answer`.
test('a session lives on beyond the time limit of its answers', async () => {
  const answerWithinMs = 250;
  const hasty = connect({ address: { url: database.url }, applicationName: 'hasty', max: 1, answerWithinMs });
  const pidOf = async () => (await hasty<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`)[0].pid;
  const first = await pidOf();
  const until = performance.now() + 3 * answerWithinMs;
  for (let n = 1; performance.now() < until; n += 1) {
    await hasty.singleRoundTrip(READ_COMMITTED, [note(n), hasty`SELECT pg_sleep(0.02)`]);
    expect(await pidOf()).toBe(first);
  }
  await hasty.end({ timeout: 1 });
});
