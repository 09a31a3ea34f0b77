import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isEngineError } from '../../src/core/errors.ts';
import { createDaemon } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createLedger } from '../support/noted-ledger.ts';

let database: TestDatabase;
const suffix = randomBytes(4).toString('hex');
const role = (name: string): string => `${name}_${suffix}`;
/** A server of CI asks for one; one that trusts everybody passes it over. */
const PASSWORD = 'x';
const ROLES = ['slow', 'barred', 'full'].map(role);

beforeAll(async () => {
  database = await createTestDatabase();
  await database.sql.unsafe(`
    CREATE ROLE ${role('slow')} LOGIN SUPERUSER PASSWORD '${PASSWORD}'; ALTER ROLE ${role('slow')} SET statement_timeout = '1ms';
    CREATE ROLE ${role('barred')} NOLOGIN PASSWORD '${PASSWORD}';
    CREATE ROLE ${role('full')} LOGIN CONNECTION LIMIT 0 PASSWORD '${PASSWORD}'`);
});
afterAll(async () => {
  await database.sql.unsafe(ROLES.map((name) => `DROP OWNED BY ${name}; DROP ROLE ${name}`).join(';'));
  await database.drop();
});

/** The test's database under another user, host, name or query. */
function at(change: Partial<Pick<URL, 'username' | 'pathname' | 'search'>>): string {
  const url = new URL(database.url);
  if (change.username !== undefined) url.password = PASSWORD;
  return Object.assign(url, change).href;
}

/** Starts a server that calls `does` for each connection. @returns its URL */
async function serverThat(does: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    does(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return `postgres://someone@127.0.0.1:${(server.address() as AddressInfo).port}/some`;
}

/** Refuses a start-up message with PostgreSQL's error response. */
function refusing(sqlstate: string, message: string): (socket: Socket) => void {
  const fields = Buffer.from(`SFATAL\0C${sqlstate}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return (socket) => socket.once('data', () => socket.end(Buffer.concat([head, fields])));
}

/** The error of a start with this URL; null if it succeeds. */
async function startError(url: string): Promise<{ readonly code: string; readonly message: string } | null> {
  const { projection } = createLedger();
  const timeouts = { connectMs: 1000 };
  try {
    await using daemon = createDaemon({ projections: [projection], database: { url }, timeouts });
    await daemon.start();
    return null;
  } catch (error) {
    if (!isEngineError(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

const REFUSED = 'DATABASE_REFUSED';
const UNREACHABLE = 'DATABASE_UNREACHABLE';

// Seen red with: isTimedOut left out of prepareDatabase (PostgreSQL's own text); hasBadPort; MESSAGES (the driver's
// "lost: Connection terminated unexpectedly"); NO_USER.
test.each<[what: string, url: () => string | Promise<string>, code: string, message: string]>([
  ['a statement_timeout of 1 ms', () => at({ username: role('slow') }), REFUSED, 'ran into a statement_timeout; raise'],
  [
    'a role that may not log in',
    () => at({ username: role('barred') }),
    REFUSED,
    'is not permitted to log in; correct',
  ],
  ['a role without connections', () => at({ username: role('full') }), REFUSED, 'too many connections for role'],
  [
    'a role that does not exist',
    // A server that asks for passwords says of an unknown role that its password is wrong.
    () => serverThat(refusing('28000', 'role "no_such_role" does not exist')),
    REFUSED,
    'role "no_such_role" does not exist; cor',
  ],
  [
    'a database that does not exist',
    () => at({ pathname: '/no_such' }),
    REFUSED,
    '"no_such" does not exist; create it',
  ],
  ['no user', () => at({ username: '' }), REFUSED, 'no user is named; write one into DATABASE_URL'],
  [
    'a wrong password',
    () => serverThat(refusing('28P01', 'password authentication failed for user "someone"')),
    REFUSED,
    'password authentication failed for user "someone"; correct user and password in DATABASE_URL',
  ],
  [
    'no CONNECT on the database',
    () => serverThat(refusing('42501', 'permission denied for database "some"')),
    REFUSED,
    'permission denied for database "some"; give the role what it lacks',
  ],
  [
    'a server that is starting',
    () => serverThat(refusing('57P03', 'the database system is starting up')),
    REFUSED,
    'the database system is starting up; try again',
  ],
  [
    'a server without TLS',
    async () => `${await serverThat((socket) => socket.once('data', () => socket.write('N')))}?sslmode=require`,
    UNREACHABLE,
    'the server has no TLS, which sslmode asks for; turn it on (ssl = on), or write sslmode=disable',
  ],
  [
    'a port that is too high',
    () => 'postgres://u@127.0.0.1:99999/d',
    'CONFIG_INVALID',
    'port that is no number from 1',
  ],
  [
    'a port without a server',
    () => 'postgres://u@127.0.0.1:1/d',
    UNREACHABLE,
    'no server listens there; start PostgreSQL',
  ],
  [
    'a socket that does not exist',
    () => 'postgres://u@/d?host=/no/where',
    UNREACHABLE,
    'there is no such socket; start PostgreSQL',
  ],
  ['a host that does not exist', () => 'postgres://u@host.invalid/d', UNREACHABLE, 'the host'],
  [
    'a server that is not PostgreSQL',
    () => serverThat((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    UNREACHABLE,
    'closed before a server answered; is it PostgreSQL that listens there?',
  ],
  [
    'a server that does not answer',
    () => serverThat(() => undefined),
    UNREACHABLE,
    'there was no answer in time; check host',
  ],
])('a start with %s fails with the cause and a hint', async (_, url, code, message) => {
  const error = await startError(await url());
  expect(error?.code).toBe(code);
  expect(error?.message).toContain(message);
  // Neither the driver's own messages nor secrets.
  expect(error?.message).not.toMatch(
    /ECONN|ENOENT|ENOTFOUND|getaddrinfo|startup packet|canceling|was lost|undefined|\{/,
  );
});

test('a % in a password that begins no escape is accepted as it is', async () => {
  const url = new URL(database.url);
  expect(await startError(database.url.replace(`${url.username}@`, `${url.username}:100%@`))).toBeNull();
});
