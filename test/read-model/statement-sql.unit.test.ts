import { expect, test } from 'vitest';
import {
  arrayAppend,
  arrayIntersect,
  arrayRemove,
  copy,
  create,
  increment,
  not,
  remove,
  update,
  upsert,
} from '../../src/index.ts';
import { toSql } from '../../src/read-model/write-sql.ts';

// Seen red with: the values of SET and WHERE numbered from 1 each.
test('each kind of write has one text, and its values are parameters in order', () => {
  expect(toSql(create('t', { a: 1, b: null }))).toEqual({
    text: 'INSERT INTO "t" ("a", "b") VALUES ($1, $2)',
    values: [1, null],
    changes: 1,
  });
  expect(toSql(create('t', { a: 1 }, { onConflict: 'keep' })).text).toBe(
    'INSERT INTO "t" ("a") VALUES ($1) ON CONFLICT DO NOTHING',
  );
  expect(toSql(upsert('t', { a: 1, b: 2, c: 3 }, { conflict: ['a', 'c'] }))).toEqual({
    text: 'INSERT INTO "t" ("a", "b", "c") VALUES ($1, $2, $3) ON CONFLICT ("a", "c") DO UPDATE SET "b" = EXCLUDED."b"',
    values: [1, 2, 3],
    changes: 1,
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

// Seen red with: `coalesce` left out of `inRow`.
test('a change starts from the stored value, where NULL counts as 0 or empty, and from 0 or empty in a new row', () => {
  const changes = {
    n: increment(2n),
    a: arrayAppend('x"y'),
    r: arrayRemove(5),
    i: arrayIntersect(['p', null]),
  };
  expect(toSql(update('t', { ...changes, c: 1 }, { id: 7 }))).toEqual({
    text:
      `UPDATE "t" SET "n" = coalesce("n", 0) + $1, "a" = array_cat(coalesce("a", '{}'), $2), ` +
      `"r" = array_remove(coalesce("r", '{}'), $3), ` +
      `"i" = ARRAY(SELECT e FROM unnest(coalesce("i", '{}')) WITH ORDINALITY AS u (e, n)` +
      ` WHERE array_position($4, e) IS NOT NULL ORDER BY n), "c" = $5 WHERE "id" = $6`,
    values: [2n, '{"x\\"y"}', 5, '{"p",NULL}', 1, 7],
  });
  expect(toSql(upsert('t', { id: 7, n: increment(), r: arrayRemove('z'), c: 1 }, { conflict: ['id'] }))).toEqual({
    text:
      `INSERT INTO "t" ("id", "n", "r", "c") VALUES ($1, $2, '{}', $4) ON CONFLICT ("id") DO UPDATE SET ` +
      `"n" = coalesce("t"."n", 0) + $2, "r" = array_remove(coalesce("t"."r", '{}'), $3), "c" = EXCLUDED."c"`,
    values: [7, 1, 'z', 1],
    changes: 1,
  });
});

// Seen red with: the overridden column left in the list that is copied.
test('a copy reads its own table, and a value of `set` wins over the copied one', () => {
  const statement = copy('t', {
    from: ['a', 'b', 'id'],
    to: ['a', 'c', 'id'],
    set: { id: 2 },
    where: { id: 1, b: not(null) },
    conflict: ['id'],
  });
  expect(toSql(statement)).toEqual({
    text:
      'INSERT INTO "t" ("a", "c", "id") SELECT "a", "b", $1 FROM "t" WHERE "id" = $2 AND "b" IS DISTINCT FROM $3' +
      ' ON CONFLICT ("id") DO UPDATE SET "a" = EXCLUDED."a", "c" = EXCLUDED."c"',
    values: [2, 1, null],
  });
});

// Seen red with: values written into the text.
test('the text depends on the shape alone, so one prepared statement serves all values', () => {
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
  () => toSql(update('t', { 'b = b': increment() }, { b: 1 })),
  () => toSql(copy('t', { from: ['*'], to: ['a'], where: { b: 1 }, conflict: ['b'] })),
])('a name that is not a plain identifier never reaches a statement (%#)', (build) => {
  expect(build).toThrow(expect.objectContaining({ code: 'IDENTIFIER_INVALID' }));
});
