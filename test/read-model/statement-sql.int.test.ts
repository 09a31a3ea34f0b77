import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrayAppend, arrayIntersect, arrayRemove, type Changes, increment, update, upsert } from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { toSql } from '../../src/read-model/write-sql.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  await sql`CREATE TABLE tally (id int PRIMARY KEY, big numeric, tags text[])`;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const word: fc.Arbitrary<string | null> = fc.constantFrom('a', 'b', 'NULL', '', 'c"\\,{}', null);
type Model = { readonly big: bigint; readonly tags: readonly (string | null)[] };

/** A change, and its documented effect on a plain object. */
const steps: fc.Arbitrary<{ readonly change: Changes; readonly model: (row: Model) => Model }> = fc.oneof(
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map((by) => ({
    change: { big: increment(by) },
    model: (row: Model) => ({ ...row, big: row.big + by }),
  })),
  word.map((element) => ({
    change: { tags: arrayAppend(element) },
    model: (row: Model) => ({ ...row, tags: [...row.tags, element] }),
  })),
  word.map((element) => ({
    change: { tags: arrayRemove(element) },
    model: (row: Model) => ({ ...row, tags: row.tags.filter((tag) => tag !== element) }),
  })),
  fc.array(word).map((elements) => ({
    change: { tags: arrayIntersect(elements) },
    model: (row: Model) => ({ ...row, tags: row.tags.filter((tag) => elements.includes(tag)) }),
  })),
);

// Seen red with: `ORDER BY n DESC` in the intersection; `e = ANY(…)` for array_position; elements left unquoted.
test('for any changes the stored values equal the values that the same changes make of a plain object', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(steps, fc.boolean()), { minLength: 1, maxLength: 30 }), async (changes) => {
      await sql`TRUNCATE tally`;
      await sql`INSERT INTO tally (id) VALUES (1)`;
      let row: Model = { big: 0n, tags: [] };
      for (const [{ change, model }, asUpsert] of changes) {
        const write = asUpsert
          ? upsert('tally', { id: 1, ...change }, { conflict: ['id'] })
          : update('tally', change, { id: 1 });
        const { text, values } = toSql(write);
        await sql.unsafe(
          text,
          values.map((value) => (value === null ? null : String(value))),
          { prepare: true },
        );
        row = model(row);
      }
      const [stored] = await sql`
        SELECT coalesce(big, 0)::text AS big, to_json(coalesce(tags, '{}')) AS tags FROM tally`;
      expect(stored).toEqual({ big: String(row.big), tags: row.tags });
    }),
    { numRuns: 60, seed: 20260305 },
  );
});
