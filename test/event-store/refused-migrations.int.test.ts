import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { exportVerb } from '../../src/cli/verbs/export-verb.ts';
import { importVerb } from '../../src/cli/verbs/import-verb.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { createDaemon, defineProjection } from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { capturedContext } from '../cli/captured.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ledger } from '../support/ledger.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Each way in to a database, in a folder of its own. */
async function ways(): Promise<Readonly<Record<string, (schema: string) => Promise<unknown>>>> {
  const cwd = await mkdtemp(join(tmpdir(), 'refused-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const line = { aggregateName: 'a', aggregateId: 'a', sequenceNo: 1, name: 'A', occurredAt: '2026-01-01T00:00:00Z' };
  await writeFile(join(cwd, 'one.ndjson'), JSON.stringify({ ...line, payload: {} }));
  const context = capturedContext({ cwd, env: { DATABASE_URL: database.url } });
  return {
    start: async (schema) => {
      await using daemon = createDaemon({ projections: [ledger], database: { url: database.url }, schema });
      await daemon.start();
    },
    migrate: (schema) => migrate(sql, { schema, notify: true, projections: [] }),
    import: (schema) => importVerb.run({ file: 'one.ndjson', flags: { schema } }, context),
    export: (schema) => exportVerb.run({ from: 1n, out: 'all.ndjson', flags: { schema } }, context),
  };
}

// Seen red with: refuseForeignStore not called, from migrate.ts (`column "tstamp" does not exist`) and from the export.
test.each([
  [
    'a table',
    'CREATE TABLE concerts.events (id serial PRIMARY KEY, title text, position int)',
    'instance_id, aggregate_name',
  ],
  ['a view', 'CREATE VIEW concerts.events AS SELECT 1 AS id', 'rows of its own (it is no table), position'],
])('%s `events` of another program is refused by every command, and stays as it is', async (_what, make, lacks) => {
  await sql.unsafe(`DROP SCHEMA IF EXISTS concerts CASCADE; CREATE SCHEMA concerts; ${make}`);
  for (const [name, way] of Object.entries(await ways())) {
    await expect(way('concerts'), name).rejects.toMatchObject({
      code: 'STORE_COLUMNS',
      message: expect.stringMatching(/^table concerts\.events lacks .*: set SCHEMA to a schema of its own, or add/),
      fields: { columns: expect.stringContaining(lacks) },
    });
  }
  const found =
    await sql`SELECT relname FROM pg_class WHERE relnamespace = 'concerts'::regnamespace AND relkind IN ('r', 'v')`;
  expect(found).toEqual([{ relname: 'events' }]);
});

const withSchema = (name: string, schema: string) =>
  defineProjection()({ name, schema, tables: { [name]: { key: ['id'] } }, on: { Noted: () => [] } });

// Seen red with: `tx.unsafe(ddl)` in place of runDdl.
test.each([
  [
    'a mistake of grammar',
    'CREATE TABLE IF NOT EXISTS wrong (id int);\n  CREATE TABEL x ()',
    ' at line 2, column 10 (`TABEL x ()`): syntax error',
  ],
  [
    'a type that is not there',
    '-- \u{1F483}\nCREATE TABLE wrong (id citext)',
    ' at line 2, column 24 (`citext)`): type "citext" does not exist',
  ],
  ['what has no place in the text', 'DROP TABLE nothing', ': table "nothing" does not exist'],
])('%s in the schema of a projection names the projection, and nothing is migrated', async (_what, schema, message) => {
  const projections = [
    withSchema('fine', 'CREATE TABLE IF NOT EXISTS fine (id int PRIMARY KEY)'),
    withSchema('wrong', schema),
  ];
  await expect(migrate(sql, { schema: 'ddl', notify: true, projections })).rejects.toMatchObject({
    code: 'PROJECTION_DDL',
    message: expect.stringContaining(`the schema of projection 'wrong' was refused${message}`),
    cause: { code: expect.stringMatching(/^42/) },
  });
  const [row] = await sql<[{ there: boolean }]>`SELECT to_regclass('ddl.fine') IS NOT NULL AS there`;
  expect(row.there).toBe(false);
});
