import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Write } from '../../../src/core/statement.ts';
import { connect, type Sql } from '../../../src/postgres/pool.ts';
import type { ExampleParts } from '../../../src/read-model/statements/statement-definition.ts';
import { toSqlOrFail } from '../../../src/read-model/write-sql.ts';
import { forms } from '../../support/any-statement.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  await sql.unsafe(`
    CREATE TABLE thing (id int PRIMARY KEY, size int);
    CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER leaving_out BEFORE INSERT OR UPDATE OR DELETE ON thing FOR EACH ROW EXECUTE FUNCTION leave_out()`);
});
beforeEach(async () => {
  await sql.unsafe(`ALTER TABLE thing DISABLE TRIGGER leaving_out; TRUNCATE thing;
    INSERT INTO thing VALUES (1, 1), (2, 1)`);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** The table has the rows 1 and 2: `id` is that of a new row, `match` that of the rows in the condition. */
const parts = (id: number, match: number): ExampleParts => ({
  table: 'thing',
  row: { id, size: 7 },
  key: { id },
  conflict: ['id'],
  set: { size: 7 },
  where: { id: match },
});

async function run(write: Write): Promise<void> {
  const { text, values } = toSqlOrFail(write, true);
  await sql.unsafe(text, values);
}

/** The forms of which no number of rows is known before. PostgreSQL does not say why it keeps an existing row. */
const UNKNOWN = ["create(table, values, { onConflict: 'keep' })"];

const snapshot = async () => await sql`SELECT id, size FROM thing ORDER BY id`;

// Seen red with: 1 as `mustWrite` of `update`.
test.each(forms)('$form.call writes what it must write on an ordinary table', async ({ form }) => {
  const before = await snapshot();
  await run(form.example(parts(3, 1)));
  expect(await snapshot()).not.toEqual(before);
  await run(form.example(parts(4, 9)));
});

// Seen red with: null as `mustWrite` of `remove`; of `upsert`.
test.each(forms)('$form.call fails if a trigger leaves out a row that it must write', async ({ form }) => {
  const write = form.example(parts(3, 1));
  const before = await snapshot();
  await sql`ALTER TABLE thing ENABLE TRIGGER leaving_out`;
  const ran = run(write);
  if (UNKNOWN.includes(form.call)) await ran;
  else await expect(ran).rejects.toMatchObject({ code: '22012' });
  expect(await snapshot()).toEqual(before);
});
