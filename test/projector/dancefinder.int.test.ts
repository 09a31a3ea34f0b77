import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projectionist.config.ts';
import { append } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { expectedTables, readTables } from '../support/dancefinder.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore, startDaemon, untilCaughtUp } from '../support/engine.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [...projections]);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

test('four read models hold what the history says, before and after every one of them was reset', async () => {
  const history = [...generateHistory({ seed: 7, events: 3000 })];
  for (let start = 0; start < history.length; start += 500) await append(sql, history.slice(start, start + 500));
  await using daemon = await startDaemon(database, [...projections]);
  await untilCaughtUp(daemon, sql);
  const expected = await expectedTables(sql);
  expect(await readTables(sql)).toEqual(expected);

  for (const name of ['userpreferences', 'event', 'band', 'dancehall']) {
    expect(await daemon.send(name, 'RESET')).toMatchObject({ kind: 'done' });
  }
  await untilCaughtUp(daemon, sql);
  expect(await readTables(sql)).toEqual(expected);
});
