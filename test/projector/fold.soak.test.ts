import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { foldCases, poisonedCases, runFoldCase, runPoisonedCase } from '../support/fold-run.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, projections);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

// fast-check prints the seed and the path of a failed case. Given to fc.assert, they repeat it.
test('for five hundred histories the rows are the pure fold of the events', async () => {
  await fc.assert(
    fc.asyncProperty(foldCases(400), async (foldCase) => await runFoldCase(database, sql, foldCase)),
    { numRuns: 500, endOnFailure: true },
  );
});

test('five hundred poisoned histories halt exactly before the event, and go on once it is mended', async () => {
  await fc.assert(
    fc.asyncProperty(poisonedCases(200), async (foldCase) => await runPoisonedCase(database, sql, foldCase)),
    { numRuns: 500, endOnFailure: true },
  );
});
