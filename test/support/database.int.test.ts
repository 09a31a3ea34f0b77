import postgres from 'postgres';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from './database.ts';

test('a test database is empty, is encoded in UTF-8, and is reached by its URL', async () => {
  await using database = await createTestDatabase();
  const [row] = await database.sql`
    SELECT current_database() AS name, pg_encoding_to_char(encoding) AS encoding,
      (SELECT count(*)::int FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS tables
    FROM pg_database WHERE datname = current_database()`;
  expect(row).toEqual({ name: database.connection.database, encoding: 'UTF8', tables: 0 });
  const byUrl = postgres(database.url, { max: 1 });
  expect(await byUrl`SELECT current_database() AS name`).toEqual([{ name: database.connection.database }]);
  await byUrl.end();
});

test('two test databases are separate', async () => {
  await using first = await createTestDatabase();
  await using second = await createTestDatabase();
  await first.sql`CREATE TABLE only_here ()`;
  expect(await second.sql`SELECT to_regclass('only_here') AS found`).toEqual([{ found: null }]);
});

// Seen red without FORCE, and without ROLLBACK PREPARED.
test('a database is dropped while it has a session and a prepared transaction', async () => {
  const database = await createTestDatabase();
  const name = database.connection.database;
  await database.sql`CREATE TABLE t (id int)`;
  const left = postgres({ ...database.connection, max: 1, onclose: () => undefined });
  await left.unsafe(`BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left''over-${name}'`);
  await left`SELECT 1`;
  await database.drop();
  await database.drop();
  const admin = postgres({ ...inject('postgres').connection, max: 1 });
  expect(await admin`SELECT 1 FROM pg_database WHERE datname = ${name}`).toEqual([]);
  await admin.end();
  await left.end({ timeout: 1 });
});
