import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { readCatalog, storedTables } from '../../src/read-model/catalog.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  await sql.unsafe(`
    CREATE TABLE band (id int PRIMARY KEY, city jsonb, label text GENERATED ALWAYS AS (id::text) STORED,
                       leader int REFERENCES band DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE gig (at timestamptz NOT NULL) PARTITION BY RANGE (at);
    CREATE VIEW seen AS SELECT id, city FROM band`);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

// Seen red with: `storedTables` that returns every table; `computed` of the row left out of `toTableInfo`.
test('one read returns columns, JSON columns and deferred constraints, and only tables count as storing rows', async () => {
  const catalog = await readCatalog(sql, ['band', 'gig', 'seen', 'missing']);
  expect([...catalog.tables.keys()].sort()).toEqual(['band', 'gig', 'seen']);
  expect([...storedTables(catalog).keys()].sort()).toEqual(['band', 'gig']);
  expect(catalog.tables.get('band')?.columns).toMatchObject([
    { name: 'id', type: 'integer', oid: 23, notNull: true, computed: false },
    { name: 'city', type: 'jsonb', oid: 3802, notNull: false, computed: false },
    { name: 'label', type: 'text', oid: 25, notNull: false, computed: true },
    { name: 'leader', type: 'integer', oid: 23, notNull: false, computed: false },
  ]);
  expect(catalog.json).toEqual(new Map(['band', 'seen'].map((table) => [table, new Set(['city'])])));
  expect(catalog.deferred).toEqual(['public.band_leader_fkey']);
});
