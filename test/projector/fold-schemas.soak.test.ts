import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { describeSeen, expectLawOfSchemas, maker } from '../support/fold-schema-run.ts';
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

// FOLD_SEED and FOLD_RUNS (tables for each kind) make a run that failed again.
test('a hundred tables of each kind leave the same rows folded, in a single round trip and one by one', async () => {
  const seed = Number(process.env['FOLD_SEED'] ?? Date.now() % 2 ** 30);
  process.stdout.write(`FOLD_SEED=${seed}\n`);
  const seen = await expectLawOfSchemas(sql, Number(process.env['FOLD_RUNS'] ?? 100), seed);
  process.stdout.write(`${describeSeen(seen)}\n`);
  expect(Object.keys(KINDS).filter((kind) => !seen.has(kind))).toEqual([]);
});
