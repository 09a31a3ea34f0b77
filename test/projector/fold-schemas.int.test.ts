import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { describeSeen, expectLawOfSchemas, expectNoTraps, maker } from '../support/fold-schema-run.ts';
import { KINDS, PREPARE, SETTINGS, settingsText } from '../support/fold-schemas.ts';

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.sql.unsafe(settingsText(String(database.connection.database), Object.keys(SETTINGS)));
  // The test commits thousands of small transactions, and none of them has to survive a crash.
  await database.sql.unsafe(`ALTER DATABASE ${database.connection.database} SET synchronous_commit = off`);
  sql = await openStore(database, [maker]);
  await sql.unsafe(PREPARE);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

test('other sessions of the database have the settings that change how values are read and written', async () => {
  const session = new Client({ connectionString: database.url });
  await session.connect();
  const shown = await session.query(
    `SELECT ${Object.keys(SETTINGS)
      .map((name) => `current_setting('${name}') AS "${name}"`)
      .join(', ')}`,
  );
  await session.end();
  expect(shown.rows).toEqual([SETTINGS]);
});

test('a value, a conflict or a default that later events overwrite counts in a folded page as it does one by one, on any table', {
  timeout: 240_000,
}, async () => {
  const seen = await expectNoTraps(sql);
  process.stdout.write(`${describeSeen(seen)}\n`);
  expect([...seen].filter(([, { tables }]) => tables === 0)).toEqual([]);
  expect(seen.get('key: one')?.folded).toBeGreaterThan(30);
});

test('on any table, any history leaves the same folded, in a single round trip and one by one', {
  timeout: 240_000,
}, async () => {
  const seen = await expectLawOfSchemas(sql, 1, 20261130);
  process.stdout.write(`${describeSeen(seen)}\n`);
  for (const kind of Object.keys(KINDS)) expect(seen.get(kind)?.tables, kind).toBeGreaterThanOrEqual(1);
  for (const key of ['one', 'composite', 'partitioned'])
    expect(seen.get(`key: ${key}`)?.tables, key).toBeGreaterThan(1);
  // Otherwise the pages were applied in the same way each time, and the comparison shows nothing.
  expect(seen.get('key: one')?.folded).toBeGreaterThan(2);
});
