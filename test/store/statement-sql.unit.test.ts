import { expect, test } from 'vitest';
import { create, not, remove, update, upsert } from '../../src/index.ts';
import { toSql } from '../../src/store/statement-sql.ts';

// Seen red with: the values of SET and WHERE numbered from 1 each.
test('each kind of write has one text, values as parameters in order', () => {
  expect(toSql(create('t', { a: 1, b: null }))).toEqual({
    text: 'INSERT INTO "t" ("a", "b") VALUES ($1, $2)',
    values: [1, null],
  });
  expect(toSql(create('t', { a: 1 }, { onConflict: 'keep' })).text).toBe(
    'INSERT INTO "t" ("a") VALUES ($1) ON CONFLICT DO NOTHING',
  );
  expect(toSql(upsert('t', { a: 1, b: 2, c: 3 }, { conflict: ['a', 'c'] }))).toEqual({
    text: 'INSERT INTO "t" ("a", "b", "c") VALUES ($1, $2, $3) ON CONFLICT ("a", "c") DO UPDATE SET "b" = EXCLUDED."b"',
    values: [1, 2, 3],
  });
  expect(toSql(update('t', { a: 1, b: 2 }, { c: 3, d: null, e: not(4) }))).toEqual({
    text: 'UPDATE "t" SET "a" = $1, "b" = $2 WHERE "c" = $3 AND "d" IS NULL AND "e" IS DISTINCT FROM $4',
    values: [1, 2, 3, 4],
  });
  expect(toSql(remove('t', { a: not(null), b: 2 }))).toEqual({
    text: 'DELETE FROM "t" WHERE "a" IS DISTINCT FROM $1 AND "b" = $2',
    values: [null, 2],
  });
});

// Seen red with: values written into the text.
test('the text depends on the shape alone, so one prepared statement serves them all', () => {
  expect(toSql(update('t', { a: 1 }, { b: 'x' })).text).toBe(toSql(update('t', { a: 2 }, { b: "'; DROP" })).text);
});

// Seen red with: quoteIdentifier that only adds quotes.
test.each([
  () => toSql(create('t"; DROP TABLE t; --', { a: 1 })),
  () => toSql(create('t', { 'a"': 1 })),
  () => toSql(upsert('t', { a: 1 }, { conflict: ['b"'] })),
  () => toSql(update('t', { a: 1 }, { 'b = 1 OR c': 1 })),
  () => toSql(update('t', { A: 1 }, { b: 1 })),
  () => toSql(remove('public.t', { b: 1 })),
])('a name that is no plain identifier never reaches a statement (%#)', (build) => {
  expect(build).toThrow(expect.objectContaining({ code: 'IDENTIFIER_INVALID' }));
});
