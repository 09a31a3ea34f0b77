import { afterAll, beforeAll, expect, test } from 'vitest';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import { eventsSql } from '../../src/event-store/event-source.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { advance, lockState } from '../../src/state/projection-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

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

/** Attempts one move of `band`, in a transaction of its own. */
async function move(start: { from: bigint; generation: bigint; xid?: string }): Promise<object> {
  return await sql.begin(async (tx) => {
    const locked = await lockState(tx, 'band');
    return await advance(tx, eventsSql, {
      name: 'band',
      to: start.from + 1n,
      owner: 'test',
      newest: null,
      knownTo: start.from + 1n,
      xid: locked?.xid ?? '',
      ...start,
    });
  });
}

// The lock and the page's own comparison guard the same as these conditions, so no test with daemons is red without one
// of them. Seen red with: `cursor = from` dropped; `generation = generation` dropped; the xid compared with itself.
test('a cursor moves only from where the page was made for, in the same generation and transaction (D4)', async () => {
  const refused = { moved: false, sameTransaction: true, marksInStore: true, unbroken: true, replaced: null };
  expect(await move({ from: 1n, generation: 0n })).toEqual(refused);
  expect(await move({ from: 0n, generation: 1n })).toEqual(refused);
  expect(await move({ from: 0n, generation: 0n, xid: '3' })).toMatchObject({ moved: false, sameTransaction: false });
  expect(await move({ from: 0n, generation: 0n })).toMatchObject({ moved: true, sameTransaction: true });
  expect(await move({ from: 0n, generation: 0n })).toEqual(refused);
});
