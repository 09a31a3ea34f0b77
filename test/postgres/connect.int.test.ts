import { afterAll, beforeAll, expect, test } from 'vitest';
import { isConnectionLost } from '../../src/postgres/errors.ts';
import { connect, type Queryable, type Sql, type Tx } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { promised } from '../support/promised.ts';

let database: TestDatabase;
let pool: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = connect({ address: { url: database.url }, applicationName: 'victim', max: 1 });
  await pool`CREATE TABLE rows (who text)`;
});
afterAll(async () => {
  await pool.end({ timeout: 1 });
  await database.drop();
});

/** Terminates a session. Resolves when it is gone. */
async function cut(pid: number): Promise<void> {
  const [row] = await database.sql<[{ gone: boolean }]>`SELECT pg_terminate_backend(${pid}, 5000) AS gone`;
  expect(row.gone).toBe(true);
}

async function backendOf(sql: Queryable): Promise<number> {
  const [row] = await sql<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
  return row.pid;
}

const lost = expect.toSatisfy(isConnectionLost);

// Seen red with: connections given back to the pool in any condition.
test('a transaction that loses its connection during a statement fails, and the pool goes on', async () => {
  const started = promised<number>();
  const transaction = pool.begin(async (tx) => {
    const backend = await backendOf(tx);
    const sleeping = tx`SELECT pg_sleep(30)`.execute();
    started.resolve(backend);
    await sleeping;
  });
  const outcome = expect(transaction).rejects.toEqual(lost);
  await cut(await started.promise);
  await outcome;
  expect(await pool`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

// Seen red with: `refusal` never set (statements after the end then run outside of any transaction), and without
// watchLoss (the transaction then waits for its work).
test('statements of a transaction after its connection was lost are refused', async () => {
  const inside = promised<number>();
  const goOn = promised<void>();
  const finished = promised<void>();
  const late: unknown[] = [];
  let kept: Tx | null = null;
  const transaction = pool.begin(async (tx) => {
    kept = tx;
    const madeBefore = tx`INSERT INTO rows VALUES ('lost, made before')`;
    inside.resolve(await backendOf(tx));
    await goOn.promise;
    late.push(await madeBefore.catch((error: unknown) => error));
    late.push(await tx`INSERT INTO rows VALUES ('lost')`.catch((error: unknown) => error));
    late.push(
      await tx
        .savepoint(async (inner) => await inner`INSERT INTO rows VALUES ('lost in a savepoint')`)
        .catch((error: unknown) => error),
    );
    finished.resolve(undefined);
  });
  const outcome = expect(transaction).rejects.toEqual(lost);
  await cut(await inside.promise);
  await outcome;
  goOn.resolve(undefined);
  await finished.promise;
  expect(late).toEqual([lost, lost, lost]);
  await pool`INSERT INTO rows VALUES ('other')`;
  const over = (kept as Tx | null)?.unsafe("INSERT INTO rows VALUES ('after the end')");
  await expect(over).rejects.toEqual(lost);
  expect(await pool`SELECT who FROM rows`).toEqual([{ who: 'other' }]);
});

// Seen red with: the tag of COMMIT not compared.
test('a transaction whose failed statement was ignored does not count as committed', async () => {
  const transaction = pool.begin(async (tx) => {
    await tx`INSERT INTO rows VALUES ('ignored')`;
    await tx`SELECT 1 / 0`.catch(() => undefined);
  });
  await expect(transaction).rejects.toMatchObject({ code: 'COMMIT_REFUSED' });
  expect(await pool`SELECT who FROM rows WHERE who = 'ignored'`).toEqual([]);
});

// Seen red with: release of a connection that is still in a transaction.
test('a connection that was left in a transaction is not used again', async () => {
  await pool.session((one) => one.unsafe('BEGIN'));
  await pool`INSERT INTO rows VALUES ('kept')`;
  expect(await database.sql`SELECT who FROM rows WHERE who = 'kept'`).toEqual([{ who: 'kept' }]);
});

// Seen red with: `refusal` never set.
test('a statement after the end of its transaction is refused', async () => {
  const kept = await pool.begin((tx) => ({ tx }));
  await expect(kept.tx`INSERT INTO rows VALUES ('after the end')`).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
});

test('a statement that fails and is not awaited ends neither the process nor the pool', async () => {
  void pool`SELECT 1 / 0`.execute();
  expect(await pool`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

// Seen red with: `cancelRequest` left out of AnswerWatch (the next session is then another one, and the first still waits).
test('a statement that takes too long is cancelled at the server, and its session is used again', async () => {
  const hasty = connect({ address: { url: database.url }, applicationName: 'given up', max: 1, answerWithinMs: 200 });
  await using _ = { [Symbol.asyncDispose]: () => hasty.end({ timeout: 1 }) };
  const first = await backendOf(hasty);
  await database.sql.begin(async (holder) => {
    await holder`LOCK TABLE rows IN ACCESS EXCLUSIVE MODE`;
    for (let turn = 0; turn < 3; turn += 1) {
      await expect(hasty`SELECT FROM rows`).rejects.toEqual(lost);
      const inTransaction = hasty.begin(async (tx) => {
        await tx`SELECT FROM rows`.catch(() => undefined);
        await tx`CREATE TABLE after_the_end ()`;
      });
      await expect(inTransaction).rejects.toEqual(lost);
      const sessions = await database.sql`SELECT pid FROM pg_stat_activity WHERE application_name = 'given up'`;
      expect(sessions).toEqual([{ pid: first }]);
    }
  });
  expect(await backendOf(hasty)).toBe(first);
  expect(await database.sql`SELECT to_regclass('after_the_end') AS made`).toEqual([{ made: null }]);
});

// Seen red with: the option not passed to the watch (the test then runs into its time-out).
test('an answer that does not come in time counts as a lost connection', async () => {
  const hasty = connect({ address: { url: database.url }, applicationName: 'hasty', max: 1, answerWithinMs: 200 });
  await expect(hasty`SELECT pg_sleep(30)`).rejects.toEqual(lost);
  expect(await hasty`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  await hasty.end({ timeout: 1 });
});

// Seen red with: the time-out of `end` left out.
test('`end` waits for running statements no longer than its time-out', async () => {
  const busy = connect({ address: { url: database.url }, applicationName: 'busy', max: 1 });
  const sleeping = expect(busy`SELECT pg_sleep(30)`).rejects.toEqual(lost);
  await busy.end({ timeout: 0.1 });
  await sleeping;
  // Seen red with: `abandon` that only closes the socket.
  await expect
    .poll(() => database.sql`SELECT FROM pg_stat_activity WHERE application_name = 'busy'`, { timeout: 5000 })
    .toHaveLength(0);
});

// Seen red with: a plan kept after its result type has changed.
test('a plan that a migration has made stale is used once more at most', async () => {
  await pool`CREATE TABLE changing (a int)`;
  const read = () => pool`SELECT * FROM changing`;
  await read();
  await pool`ALTER TABLE changing ADD b int`;
  await expect(read()).rejects.toMatchObject({ code: '0A000' });
  expect(await read()).toEqual([]);
});
