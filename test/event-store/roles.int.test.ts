import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { migrate } from '../../src/event-store/migrate.ts';
import { create, createDaemon, defineProjection, type EventShape } from '../../src/index.ts';
import { connect } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ledger } from '../support/ledger.ts';

const script = await readFile(new URL('../../sql/roles.sql', import.meta.url), 'utf8');
const password = randomBytes(12).toString('hex');
const suffix = randomBytes(4).toString('hex');
const ROLES = ['owner', 'daemon', 'appender', 'reader'] as const;
type Role = (typeof ROLES)[number];

let database: TestDatabase;
const users = new Map<Role, postgres.Sql>();

const userOf = (role: Role): string => `test_${role}_${suffix}`;

function urlOf(role: Role): string {
  const url = new URL(database.url);
  url.username = userOf(role);
  url.password = password;
  return url.href;
}

function as(role: Role): postgres.Sql {
  const known = users.get(role) ?? postgres(urlOf(role), { max: 1, onnotice: () => undefined });
  users.set(role, known);
  return known;
}

async function migrateAsOwner(): Promise<number> {
  const owner = connect({ address: { url: urlOf('owner') }, applicationName: 'test:owner', max: 1 });
  try {
    return await migrate(owner, { schema: 'public', notify: true, projections: [ledger] });
  } finally {
    await owner.end();
  }
}

beforeAll(async () => {
  database = await createTestDatabase();
  await database.sql.unsafe(script);
  for (const role of ROLES)
    await database.sql.unsafe(`CREATE ROLE ${userOf(role)} LOGIN PASSWORD '${password}' IN ROLE projectionist_${role}`);
});
afterAll(async () => {
  for (const sql of users.values()) await sql.end({ timeout: 1 });
  for (const role of ROLES) await database.sql.unsafe(`DROP OWNED BY ${userOf(role)}; DROP ROLE ${userOf(role)}`);
  await database.drop();
});

function newDaemon() {
  return createDaemon({ projections: [ledger], database: { url: urlOf('daemon') } });
}

const append = (sequenceNo: number) => as('appender')`
  INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
  VALUES ('domain.Test', 'one', ${sequenceNo}, 'Appended', '{}')`;

// Seen red with: `migrate` of a role without CREATE tried all the same.
test('a daemon whose role may create nothing says so before the owner has migrated', async () => {
  await expect(newDaemon().start()).rejects.toMatchObject({
    code: 'MIGRATION_NEEDED',
    message: expect.stringContaining('run `projectionist migrate` as their owner'),
  });
});

// Seen red with: SELECT on the sequence not granted; TRUNCATE not granted; INSERT on events granted to the daemon.
test('J16: under its own role the daemon projects and resets, and cannot write events', async () => {
  expect(await migrateAsOwner()).toBeGreaterThan(0);
  await database.sql.unsafe(script);
  await database.sql.unsafe(script);
  await append(1);
  await using daemon = newDaemon();
  await daemon.start();
  await append(2);
  const rows = async () => (await database.sql`SELECT FROM ledger`).length;
  await vi.waitFor(async () => expect(await rows()).toBe(2), { timeout: 20_000 });
  expect(await daemon.send('ledger', 'RESET')).toMatchObject({ kind: 'done' });
  await vi.waitFor(async () => expect(await rows()).toBe(2), { timeout: 20_000 });

  const refused = { code: '42501' };
  for (const statement of [
    `INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('a', 'a', 1, 'a')`,
    `UPDATE events SET payload = '{}'`,
    'DELETE FROM events',
    'TRUNCATE events',
    'ALTER TABLE events DISABLE TRIGGER ALL',
    'CREATE TABLE mine (a int)',
    `SELECT setval('events_position_seq', 1)`,
    'UPDATE projection_migrations SET number = 0',
  ]) {
    await expect(as('daemon').unsafe(statement), statement).rejects.toMatchObject(refused);
  }
  for (const statement of ['SELECT FROM events', 'DELETE FROM events', 'SELECT FROM ledger', 'DELETE FROM readviews'])
    await expect(as('appender').unsafe(statement), statement).rejects.toMatchObject(refused);
  for (const statement of ['SELECT payload FROM events', 'DELETE FROM ledger', 'UPDATE readviews SET position = 0'])
    await expect(as('reader').unsafe(statement), statement).rejects.toMatchObject(refused);
  expect(await as('reader')`SELECT count(*)::int AS count FROM ledger`).toEqual([{ count: 2 }]);
  expect(await as('reader')`SELECT max(tstamp) > 0 AS newest FROM events`).toEqual([{ newest: true }]);
});

// Seen red with: RESTART IDENTITY without a check of the sequence's owner (`must be owner of sequence`, and no RESET at all).
test('a RESET by a role that does not own the sequence of a read model goes through, and says that its numbers go on', async () => {
  const numbered = defineProjection<EventShape>()({
    name: 'numbered',
    schema:
      'CREATE TABLE IF NOT EXISTS numbered (position bigint PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY)',
    tables: { numbered: { key: ['position'] } },
    on: { Appended: ({ position }) => create('numbered', { position }) },
  });
  const owner = connect({ address: { url: urlOf('owner') }, applicationName: 'test:owner', max: 1 });
  await migrate(owner, { schema: 'public', notify: true, projections: [numbered] });
  await owner.end();
  await database.sql.unsafe(script);
  await using daemon = createDaemon({ projections: [numbered], database: { url: urlOf('daemon') } });
  await daemon.start();
  const numbers = async () =>
    (await database.sql<{ number: string }[]>`SELECT number FROM numbered ORDER BY position`).map(
      ({ number }) => number,
    );
  await vi.waitFor(async () => expect(await numbers()).toEqual(['1', '2']), { timeout: 20_000 });
  expect(await daemon.send('numbered', 'RESET')).toMatchObject({
    kind: 'done',
    warning:
      'numbered_number_seq did not start again, since it belongs to another role, so rows get other numbers than before',
  });
  await vi.waitFor(async () => expect(await numbers()).toEqual(['3', '4']), { timeout: 20_000 });
});

test('a daemon that is newer than what the owner has migrated is refused, and an older one too', async () => {
  await database.sql`DELETE FROM projection_migrations WHERE number = (SELECT max(number) FROM projection_migrations)`;
  await expect(newDaemon().start()).rejects.toMatchObject({ code: 'MIGRATION_NEEDED' });
  await database.sql`INSERT INTO projection_migrations (number, file) VALUES (999, 'later')`;
  await expect(newDaemon().start()).rejects.toMatchObject({ code: 'SCHEMA_NEWER' });
});
