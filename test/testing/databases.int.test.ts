import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { create, defineProjection } from '../../src/index.ts';
import { createTestKit } from '../../src/testing/index.ts';
import { createTestDatabase } from '../support/database.ts';

const things = defineProjection<{ readonly name: 'Made'; readonly payload: object }>()({
  name: 'things',
  schema: 'CREATE TABLE IF NOT EXISTS thing (id uuid PRIMARY KEY, kind kind);',
  tables: { thing: { key: ['id'] } },
  on: { Made: ({ aggregateId: id }) => create('thing', { id, kind: 'good' }) },
});
const schema = `CREATE TYPE kind AS ENUM ('good', 'bad')`;
const passes = { thing: [{ kind: 'good' }] };
const url = inject('postgres').url;

afterEach(() => void vi.unstubAllEnvs());

describe('a kit', () => {
  // Seen red with: the database not dropped.
  test('uses a database of its own, which is dropped when the kit is closed', async () => {
    await using database = await createTestDatabase();
    const kit = createTestKit({ database: database.url, schema });
    await kit.for(things).given({ name: 'Made' }).then(passes);
    const [own] = await kit.for(things).rolledBack(async (tx) => await tx`SELECT current_database()::text AS name`);
    const found = () => database.sql`SELECT FROM pg_database WHERE datname = ${String(own?.['name'])}`;
    expect(await found()).toHaveLength(1);
    expect(await database.sql`SELECT FROM pg_class WHERE relname IN ('thing', 'events')`).toHaveLength(0);
    await Promise.all([kit.close(), kit.close()]);
    expect(await found()).toHaveLength(0);
    await expect(kit.for(things).given({ name: 'Made' }).then(passes)).rejects.toThrow('its kit is closed');
  });

  test('that ran no test can be closed', async () => {
    await createTestKit({ database: 'postgres://127.0.0.1:1/nowhere' }).close();
  });

  test('uses the server of TEST_DATABASE_URL', async () => {
    vi.stubEnv('TEST_DATABASE_URL', 'postgres://127.0.0.1:1/nowhere');
    await using kit = createTestKit({ schema });
    await expect(kit.for(things).given({ name: 'Made' }).then(passes)).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
    vi.stubEnv('TEST_DATABASE_URL', url);
    await using other = createTestKit({ schema });
    await other.for(things).given({ name: 'Made' }).then(passes);
  });

  test('starts a private server without TEST_DATABASE_URL, and leaves no file of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kit-'));
    await chmod(folder, 0o711);
    vi.stubEnv('TEST_DATABASE_URL', '');
    vi.stubEnv('TMPDIR', folder);
    {
      await using kit = createTestKit({ schema });
      await kit.for(things).given({ name: 'Made' }).then(passes);
      expect(await readdir(folder)).not.toEqual([]);
    }
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test.each([
    ['is no URL', 'localhost', 'TEST_DATABASE'],
    ['has another scheme', 'mysql://localhost/test', 'TEST_DATABASE'],
    ['has no server', 'postgres://127.0.0.1:1/nowhere', 'DATABASE_UNREACHABLE'],
  ])('fails each test with the reason when its address %s', async (_, database, code) => {
    await using kit = createTestKit({ database });
    await expect(kit.for(things).given({ name: 'Made' }).then(passes)).rejects.toMatchObject({ code });
  });

  test('fails each test with the reason when its user may not create databases, or no DDL creates a table', async () => {
    await using database = await createTestDatabase();
    const role = new URL(database.url).pathname.replace('/test_', 'role_');
    await database.sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    try {
      const restricted = Object.assign(new URL(database.url), { username: role, password: 'secret' });
      await using kit = createTestKit({ database: restricted.href });
      const test = kit.for(things).given({ name: 'Made' }).then(passes);
      await expect(test).rejects.toMatchObject({ code: 'TEST_DATABASE' });
      await expect(test).rejects.toThrow(/permission denied to create database/);
    } finally {
      await database.sql.unsafe(`DROP ROLE ${role}`);
    }
    await using kit = createTestKit({ database: url });
    const withoutTable = { ...things, schema: '' };
    await expect(kit.for(withoutTable).given({ name: 'Made' }).then(passes)).rejects.toMatchObject({
      code: 'TABLE_MISSING',
    });
  });
});
