import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { appendInBatches } from '../support/appender.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore, startDaemon, untilCaughtUp, untilStatus } from '../support/engine.ts';
import { checkReadModels } from '../support/read-models.ts';
import { checkWitnesses, onSnapshot, witnesses } from '../support/witnesses.ts';

const all = [...projections, ...witnesses];
let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, all);
});
beforeEach(async () => {
  await emptyStore(sql, all);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Compares all rows with all events, once every cursor is at the last event. */
async function expectExact(): Promise<void> {
  const found = await onSnapshot(sql, async (tx) => [...(await checkWitnesses(tx)), ...(await checkReadModels(tx))]);
  expect(found).toEqual([]);
}

// Seen red with: FOR UPDATE dropped from lockState (resets time out or fail); and, so that the ledger shows doubled rows,
// with the comparisons of the cursor in `advance` and in applySlice dropped too: each of the three alone still holds.
test('two daemons on one database apply every event once, with resets through either of them (D9)', async () => {
  const history = generateHistory({ seed: 11, events: 500 });
  await using first = await startDaemon(database, all, { id: 'first', bulkLimit: 5 });
  await using second = await startDaemon(database, all, { id: 'second', bulkLimit: 7 });
  const appending = appendInBatches(sql, history, { size: 6 });
  const resets = all.map(({ name }, index) => (index % 2 === 0 ? first : second).send(name, 'RESET'));
  const outcomes = await Promise.all(resets);
  await appending;
  await untilCaughtUp(first, sql);
  await untilCaughtUp(second, sql);
  await expectExact();
  expect(outcomes).toEqual(all.map(() => expect.objectContaining({ kind: 'done' })));
});

// Seen red with: `begin` of the driver as it is (eleven errors that no code could catch, each of which ends the process).
test('a daemon whose connections are cut repeatedly recovers, and applies every event once', {
  timeout: 180_000,
}, async () => {
  await appendInBatches(sql, generateHistory({ seed: 12, events: 900 }), { size: 500 });
  await using daemon = await startDaemon(database, all, { bulkLimit: 10 });
  const later = appendInBatches(sql, [...generateHistory({ seed: 12, events: 1200 })].slice(900), { size: 5 });
  let cut = 0;
  // During a backoff the daemon has no connections, so a round that cuts nothing does not end the loop.
  for (const began = performance.now(); cut < 40 && performance.now() - began < 60_000; ) {
    const rows = await sql<{ cut: boolean }[]>`
      SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
      WHERE datname = current_database() AND (application_name LIKE 'proj:%' OR application_name LIKE 'projectionist:%')
      ORDER BY (application_name LIKE 'proj:%') DESC, random() LIMIT 1`;
    cut += rows.length;
  }
  expect(cut).toBe(40);
  await later;
  await untilCaughtUp(daemon, sql, daemon.names, 90_000);
  await expectExact();
});

// Seen red with: FOR UPDATE … NOWAIT dropped from lockState (the second daemon never notices the first).
test('while one daemon is in a page of a projection, another one stands by instead of waiting or working', async () => {
  await appendInBatches(sql, generateHistory({ seed: 13, events: 60 }), { size: 60 });
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using first = await startDaemon(database, all, {
    id: 'first',
    failpoint: (point, name) => (point === 'locked' && name === 'band' ? released : undefined),
  });
  try {
    await vi.waitFor(async () => {
      const held =
        await sql`SELECT FROM pg_stat_activity WHERE application_name = 'proj:first:band' AND state LIKE 'idle in%'`;
      expect(held).toHaveLength(1);
    });
    await using second = await startDaemon(database, all, { id: 'second' });
    await untilStatus(second, 'band', ({ detail }) => detail === 'another daemon works on it');
    await untilCaughtUp(second, sql, ['dancehall']);
  } finally {
    release();
  }
  await untilCaughtUp(first, sql);
  await expectExact();
});
