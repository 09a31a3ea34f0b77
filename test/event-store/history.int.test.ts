import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { checkHistory } from '../../src/event-store/history.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { noted } from '../support/noted-ledger.ts';

const ANOTHER = '00000000-0000-4000-8000-000000000001';

let database: TestDatabase;
let sql: Sql;
let ids: readonly string[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, []);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
/** Six events at the positions 1 to 6. */
beforeEach(async () => {
  await sql`TRUNCATE events RESTART IDENTITY`;
  ids = (await append(sql, noted('a', 1, 6))).map(({ id }) => id);
});

const check = async (cursor: bigint, id: string | null) => await checkHistory(sql, 'ledger', cursor, id);

// Seen red with: `<=` for `<`; the sequence or the table left out of `last`; a missing row taken for another one.
test('a cursor fits where its event stands, and where it was archived while the store goes as far', async () => {
  for (const [index, id] of ids.entries()) await check(BigInt(index + 1), id);
  await sql`DELETE FROM events WHERE position <= 3`;
  await check(3n, ANOTHER);
  await sql`DELETE FROM events`;
  await check(6n, ANOTHER);
  await append(sql, noted('b', 1, 1));
  // A sequence that a restore has left behind.
  await sql`SELECT setval('events_position_seq', 2)`;
  await check(7n, null);
  const [row] = await sql<{ id: string }[]>`SELECT id FROM events`;
  await check(7n, row?.id ?? null);
});

// Seen red with: `lastEventId === null` left out.
test('a projection that has applied nothing, or knows no event of its own, fits every store', async () => {
  await sql`TRUNCATE events RESTART IDENTITY`;
  await check(0n, ANOTHER);
  await check(9n, null);
});

// Seen red with: each comparison that never holds.
test('a cursor behind the end of the store, or at another event, is refused by name', async () => {
  await expect(check(7n, ANOTHER)).rejects.toMatchObject({ code: 'HISTORY_AHEAD', fields: { cursor: 7n, head: 6n } });
  const found = ids[3];
  await expect(check(4n, ANOTHER)).rejects.toMatchObject({
    code: 'HISTORY_DIVERGED',
    fields: { cursor: 4n, expected: ANOTHER, found },
  });
});
