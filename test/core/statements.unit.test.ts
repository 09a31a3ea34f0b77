import { expect, test } from 'vitest';
import { isNot } from '../../src/core/statements.ts';
import { create, lookup, none, not, remove, several, update, upsert } from '../../src/index.ts';

const noValues = (kind: string) =>
  expect.objectContaining({ code: 'STATEMENT_NO_VALUES', fields: { kind, table: 't' } });
const noCondition = (kind: string) =>
  expect.objectContaining({ code: 'STATEMENT_NO_CONDITION', fields: { kind, table: 't' } });

// Seen red with: needSome's throw taken out.
test('63: a builder without values throws before there is any SQL', () => {
  expect(() => create('t', {})).toThrow(noValues('create'));
  expect(() => update('t', {}, { id: 1 })).toThrow(noValues('update'));
  expect(() => upsert('t', {}, { conflict: ['id'] })).toThrow(noValues('upsert'));
});

// Seen red with: needCondition's throw taken out.
test('63: a builder without conditions throws, so nothing ever updates or deletes a whole table', () => {
  expect(() => update('t', { a: 1 }, {})).toThrow(noCondition('update'));
  expect(() => remove('t', {})).toThrow(noCondition('remove'));
  expect(() => upsert('t', { a: 1 }, { conflict: [] })).toThrow(noCondition('upsert'));
  expect(() => lookup('t', { select: 'id', where: {} }, () => none())).toThrow(noCondition('lookup'));
});

// Seen red with: the test of `overwritten` in upsert taken out.
test('64: an upsert with nothing but conflict columns says that there are no values', () => {
  expect(() => upsert('t', { id: 1, name: 'x' }, { conflict: ['id', 'name'] })).toThrow(noValues('upsert'));
});

test('65: several without parts is nothing, with parts it keeps their order', () => {
  expect(several()).toEqual({ kind: 'several', statements: [] });
  const [first, second] = [remove('t', { a: 1 }), create('t', { a: 1 })];
  expect(several(first, second).statements).toEqual([first, second]);
});

test('what is left out has its documented default', () => {
  expect(create('t', { a: 1 }).onConflict).toBe('fail');
  expect(lookup('t', { select: 'id', where: { a: 'b' } }, () => none()).absent).toBe('fail');
});

// Seen red with: isNot that looks for the key alone.
test('only not(…) is a negation: values that resemble it are values', () => {
  expect(isNot(not(1))).toBe(true);
  expect(isNot(not(null))).toBe(true);
  for (const value of [null, 'not', 1, [1], {}, { not: 1, other: 2 }]) expect(isNot(value)).toBe(false);
});
