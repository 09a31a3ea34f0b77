import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sql } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { describeSeen, expectLawOfSchemas, expectNoTraps, maker } from '../support/fold-schema-run.ts';
import { KINDS, PREPARE } from '../support/fold-schemas.ts';

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [maker]);
  await sql.unsafe(PREPARE);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

test('a value, a clash or a default that later events fold away counts as it does one by one, whatever the table', {
  timeout: 240_000,
}, async () => {
  const seen = await expectNoTraps(sql);
  process.stdout.write(`${describeSeen(seen)}\n`);
  expect([...seen].filter(([, { tables }]) => tables === 0)).toEqual([]);
  expect(seen.get('key: one')?.folded).toBeGreaterThan(30);
});

test('whatever table is made, and whatever its history, folded and at once leave what one by one leaves', {
  timeout: 240_000,
}, async () => {
  const seen = await expectLawOfSchemas(sql, 1, 20261130);
  process.stdout.write(`${describeSeen(seen)}\n`);
  for (const kind of Object.keys(KINDS)) expect(seen.get(kind)?.tables, kind).toBeGreaterThanOrEqual(1);
  for (const key of ['one', 'composite', 'partitioned'])
    expect(seen.get(`key: ${key}`)?.tables, key).toBeGreaterThan(1);
  // Or the ways compared were the same one.
  expect(seen.get('key: one')?.folded).toBeGreaterThan(2);
});
