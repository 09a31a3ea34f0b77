import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connect, learnTypes, type Sql } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
/** One connection, so that whoever comes next gets the one that was lost. */
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

/** Resolves when the session is gone. */
async function cut(pid: number): Promise<void> {
  const [row] = await database.sql<[{ gone: boolean }]>`SELECT pg_terminate_backend(${pid}, 5000) AS gone`;
  expect(row.gone).toBe(true);
}

function signal(): { readonly sent: Promise<void>; readonly send: () => void } {
  let send = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    send = resolve;
  });
  return { sent, send };
}

// Seen red with: `begin` of the driver as it is. Its ROLLBACK then throws in a callback of its own ("Cannot read
// properties of null"), which ends a process.
test('a transaction that loses its connection during a statement fails, and the pool goes on', async () => {
  const started = signal();
  let backend = 0;
  const transaction = pool.begin(async (tx) => {
    const [row] = await tx<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
    backend = row.pid;
    const sleeping = tx`SELECT pg_sleep(30)`.execute();
    started.send();
    await sleeping;
  });
  const outcome = expect(transaction).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  await started.sent;
  await cut(backend);
  await outcome;
  // The driver tells the next statement too of the session that ended; from then on it is forgotten.
  await vi.waitFor(async () => expect(await pool`SELECT 1 AS one`).toEqual([{ one: 1 }]));
});

// Seen red with: `begin` of the driver as it is (the other one then never ends), and with `state.lost` never set (the lost
// one's INSERT then runs in the other one's transaction).
test('what a transaction does after its connection was lost reaches nobody, also not whoever got the connection', async () => {
  const inside = signal();
  const goOn = signal();
  let backend = 0;
  let late: unknown;
  const finished = signal();
  const transaction = pool.begin(async (tx) => {
    const [row] = await tx<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
    backend = row.pid;
    const madeBefore = tx`INSERT INTO rows VALUES ('lost, made before')`;
    inside.send();
    await goOn.sent;
    late = await madeBefore.catch((error: unknown) => error);
    await tx`INSERT INTO rows VALUES ('lost')`.catch(() => undefined);
    await tx
      .savepoint(async (inner) => await inner`INSERT INTO rows VALUES ('lost in a savepoint')`)
      .catch(() => undefined);
    finished.send();
  });
  const outcome = expect(transaction).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  await inside.sent;
  await cut(backend);
  await outcome;
  await pool.begin(async (tx) => {
    await tx`INSERT INTO rows VALUES ('other')`;
    goOn.send();
    await finished.sent;
    await tx`SELECT 1`;
  });
  expect(late).toMatchObject({ code: 'CONNECTION_CLOSED' });
  expect(await pool`SELECT who FROM rows`).toEqual([{ who: 'other' }]);
});

// Seen red with: learnTypes doing nothing. Each new connection then asks for the array types, which a loss at that
// moment turns into a rejection that nobody handles.
test('only the first connection of a pool asks for the types of the database', async () => {
  const other = connect({ address: { url: database.url }, applicationName: 'types', max: 3 });
  await learnTypes(other);
  expect(other.options.fetch_types).toBe(false);
  const lists = await Promise.all([1, 2, 3].map(() => other`SELECT ${['a', 'b']}::text[] AS list, pg_sleep(0.05)`));
  expect(lists.map(([row]) => row?.['list'])).toEqual([1, 2, 3].map(() => ['a', 'b']));
  await other.end({ timeout: 1 });
});
