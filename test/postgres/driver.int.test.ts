import { Client, type Connection, Query } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendKeyOf, parsedOn, socketOf, startupOptionsOf } from '../../src/postgres/driver.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What src/postgres relies on beyond the documented interface of node-postgres: see ADR 10. These tests use the driver
// alone, so that one that fails after an upgrade names what has changed.
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

async function open(more: { readonly pipeline?: true; readonly options?: string } = {}) {
  const client = new Client({ connectionString: database.url, ...more });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

// Seen red with: backendKeyOf that reads `processId`.
test('a session knows its pid and its secret once it is connected, and not before', async () => {
  expect(backendKeyOf(new Client({ connectionString: database.url }))).toBeNull();
  await using client = await open();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  expect(backendKeyOf(client)).toEqual({ pid: rows[0]?.pid, secret: expect.any(Number) });
});

// Seen red with: socketOf that returns a new socket.
test('the socket of a session has the address of the server; destroying it ends the session and its statements', async () => {
  const client = await open({ pipeline: true });
  expect(socketOf(client).remotePort).toBe(client.port);
  const ended = new Promise<void>((resolve) => client.on('end', resolve));
  const statements = [client.query('SELECT pg_sleep(60)'), client.query('SELECT 1')];
  socketOf(client).destroy();
  expect((await Promise.allSettled(statements)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await ended;
});

// Seen red with: startupOptionsOf that reads `option`.
test('the options of the configuration are known before the session is connected', () => {
  const client = new Client({ connectionString: database.url, options: '-c geqo=off' });
  expect(startupOptionsOf(client)).toBe('-c geqo=off');
  expect(startupOptionsOf(new Client({ connectionString: database.url }))).toBe('');
});

// Seen red with: the method under another name (the session then has the default search path).
test('the driver asks `getStartupConf` for the start-up message, whose settings hold from the first statement on', async () => {
  class Session extends Client {
    getStartupConf(): Record<string, string | undefined> {
      return { user: this.user, database: this.database, search_path: 'elsewhere' };
    }
  }
  const client = new Session({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SHOW search_path');
  await client.end();
  expect(rows).toEqual([{ search_path: 'elsewhere' }]);
});

/** Sends two statements and one Sync, as single-round-trip.ts does. */
class TwoStatements extends Query {
  readonly seen: string[] = [];
  readonly #texts: readonly string[];

  constructor(texts: readonly string[], done: (error: Error | undefined) => void) {
    super({ text: '' }, (error) => done(error ?? undefined));
    this.#texts = texts;
  }

  override submit = (connection: Connection): void => {
    for (const text of this.#texts) {
      connection.parse({ name: '', text, types: [] }, true);
      connection.bind({ values: [] }, true);
      connection.execute(null, true);
    }
    connection.sync();
  };

  handleRowDescription(): void {}
  handleDataRow(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.seen.push(text);
  }
}

const run = (client: Client, texts: readonly string[]) => {
  return new Promise<{ seen: readonly string[]; error: string | undefined }>((resolve) => {
    const query = new TwoStatements(texts, (error) => resolve({ seen: query.seen, error: error?.message }));
    client.query(query);
  });
};

// Seen red with: a Sync after each statement (the second one then runs after the first has failed).
test('a Query that writes its own messages gets the answer of each statement, and nothing runs after an error', async () => {
  await using client = await open({ pipeline: true });
  await client.query('CREATE TABLE written (n int)');
  expect(await run(client, ['INSERT INTO written VALUES (1)', 'SELECT 1'])).toEqual({
    seen: ['INSERT 0 1', 'SELECT 1'],
    error: undefined,
  });
  expect(await run(client, ['SELECT 1 / 0', 'INSERT INTO written VALUES (2)'])).toEqual({
    seen: [],
    error: 'division by zero',
  });
  expect((await client.query('SELECT n FROM written')).rows).toEqual([{ n: 1 }]);
});

// Seen red with: parsedOn that returns an empty object.
test('the driver records what it has parsed, parses a recorded text no more, and a Close with its record takes it back', async () => {
  await using client = await open({ pipeline: true });
  const named = { name: 'one', text: 'SELECT 1 AS one' };
  const prepared = async () => (await client.query('SELECT name FROM pg_prepared_statements')).rows;
  await client.query(named);
  expect(parsedOn(client.connection).parsedStatements['one']).toBe(named.text);
  expect(await prepared()).toEqual([{ name: 'one' }]);
  // The record alone decides: without it the driver parses again, and the server refuses the name.
  delete parsedOn(client.connection).parsedStatements['one'];
  await expect(client.query(named)).rejects.toMatchObject({ code: '42P05' });
  client.connection.close({ type: 'S', name: 'one' }, true);
  await client.query(named);
  expect(await prepared()).toEqual([{ name: 'one' }]);
});

// Seen red with: a `handleReadyForQuery` in TwoStatements that calls `done` itself.
test('a Query of our own leaves no timer of the driver behind that would end the session later', async () => {
  const client = new Client({ connectionString: database.url, pipeline: true, query_timeout: 300 });
  client.on('error', () => undefined);
  await client.connect();
  await run(client, ['SELECT 1', 'SELECT 2']);
  const slow = { text: 'SELECT pg_sleep(0.5)', query_timeout: 5_000 };
  await client.query(slow);
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await client.end();
});
