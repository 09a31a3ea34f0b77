import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import { append } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { expectedTables, readTables } from '../support/dancefinder.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore, startDaemon, untilCaughtUp } from '../support/engine.ts';
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

// Seen red with: `greatest(r.position, …)` dropped from the UPDATE of readviews in `advance`.
test('for any history, pages, portions and resets, the rows are the pure fold of the events', async () => {
  await fc.assert(
    fc.asyncProperty(foldCases(90), async (foldCase) => await runFoldCase(database, sql, foldCase)),
    { numRuns: 25, seed: 20260301, endOnFailure: true },
  );
});

// Seen red with: the failed event returned by lastPassed, so that the cursor moves over it.
test('an event that cannot be applied halts its projection exactly before it, and after the repair the projection goes on', async () => {
  await fc.assert(
    fc.asyncProperty(poisonedCases(60), async (foldCase) => await runPoisonedCase(database, sql, foldCase)),
    { numRuns: 20, seed: 20260302, endOnFailure: true },
  );
});

// Seen red with: pages read in the order of the events' names.
test('pages of one event leave the same rows as pages of five thousand', async () => {
  const seen: unknown[] = [];
  for (const bulkLimit of [1, 5000]) {
    await emptyStore(sql, projections);
    await append(sql, [...generateHistory({ seed: 5, events: 500 })]);
    await using daemon = await startDaemon(database, projections, { bulkLimit });
    await untilCaughtUp(daemon, sql);
    seen.push(await readTables(sql));
  }
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[0]).toEqual(await expectedTables(sql));
});
