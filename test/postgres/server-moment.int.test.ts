import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { isUnbrokenSince, type ServerMoment, serverMoment } from '../../src/postgres/server-moment.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const open = (): Sql => connect({ address: { url: database.url }, applicationName: 'test', max: 1 });

async function moment(sql: Sql): Promise<ServerMoment> {
  const [{ now }] = await sql<[{ now: readonly [bigint, bigint] }]>`SELECT ${serverMoment(sql)} AS now`;
  return { server: now[0], at: now[1] };
}

async function isUnbroken(sql: Sql, since: ServerMoment): Promise<boolean> {
  const [{ unbroken }] = await sql<[{ unbroken: boolean }]>`SELECT ${isUnbrokenSince(sql, since)} AS unbroken`;
  return unbroken;
}

// Seen red with: `backend_start <= at` left out, the comparison of the starts left out.
test('a session counts as unbroken since a moment only if it was open then, on the same start of the server', async () => {
  const [reader, writer] = [open(), open()];
  await writer`SELECT 1`;
  const read = await moment(reader);
  const later = open();
  expect(await Promise.all([reader, writer, later].map((sql) => isUnbroken(sql, read)))).toEqual([true, true, false]);
  expect(await isUnbroken(writer, { ...read, server: read.server - 1n })).toBe(false);
  expect(await isUnbroken(later, await moment(reader))).toBe(true);
  await Promise.all([reader, writer, later].map((sql) => sql.end({ timeout: 1 })));
});

// The role of a daemon may not read the sessions of other roles.
test('a role without rights can evaluate isUnbrokenSince', async () => {
  const name = `asker_${new URL(database.url).pathname.slice(-8)}`;
  await database.sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD 'x'`);
  const url = new URL(database.url);
  [url.username, url.password] = [name, 'x'];
  const sql = connect({ address: { url: url.href }, applicationName: 'test', max: 1 });
  await sql`SELECT 1`;
  expect(await isUnbroken(sql, await moment(sql))).toBe(true);
  await sql.end({ timeout: 1 });
  await database.sql.unsafe(`DROP ROLE ${name}`);
});
