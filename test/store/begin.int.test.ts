import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Sql } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  await sql`CREATE TABLE kept (id int PRIMARY KEY)`;
});
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

// PostgreSQL answers the COMMIT of an aborted transaction with ROLLBACK, which is no error. Whoever overlooks that takes
// what was rolled back for done.
// Seen red with: `begin` made of BEGIN, the work and COMMIT, with no look at what COMMIT answers.
test('a transaction that was rolled back at its COMMIT is an error, although whoever ran it saw none', async () => {
  const swallowed = sql.begin(async (tx) => {
    await tx`INSERT INTO kept VALUES (1)`;
    await tx`INSERT INTO kept VALUES (1)`.catch(() => undefined);
    return 'done';
  });
  await expect(swallowed).rejects.toThrow();
  expect(await sql`SELECT * FROM kept`).toEqual([]);
  await sql.begin(async (tx) => await tx`INSERT INTO kept VALUES (1)`);
  expect(await sql`SELECT * FROM kept`).toEqual([{ id: 1 }]);
});
