import { describe, expect, test } from 'vitest';
import { not } from '../../../src/core/changes.ts';
import type { Changes, Where, Write } from '../../../src/core/statement.ts';
import { CannotFold, encodeWrites, keyText } from '../../../src/projector/fold/encode-write.ts';
import { arrayAppend } from '../../../src/read-model/column-changes/array-append.ts';
import { increment } from '../../../src/read-model/column-changes/increment.ts';
import { copy } from '../../../src/read-model/statements/copy-statement.ts';
import { create } from '../../../src/read-model/statements/create-statement.ts';
import { remove } from '../../../src/read-model/statements/remove-statement.ts';
import { update } from '../../../src/read-model/statements/update-statement.ts';
import { upsert } from '../../../src/read-model/statements/upsert-statement.ts';
import { limited, needed, personTable, withDefault } from './person-table.ts';

const table = personTable();
const ANNA = { id: 1, first: 'Anna', last: 'Ek' };

const folds = (write: Write, on = table) => encodeWrites(on, [write])[0];
const refused = (write: Write, why: string, on = table) => {
  expect(() => folds(write, on)).toThrow(CannotFold);
  expect(() => folds(write, on)).toThrow(why);
};
/** For what the builders would refuse, or do not make. */
const updateOf = (set: Changes, where: Where): Write => ({ kind: 'update', table: 'person', set, where });

describe('a new row', () => {
  test('is whole: what is left out is NULL, what is given is told from it', () => {
    expect(folds(create('person', ANNA))).toEqual({
      kind: 'insert',
      row: ['1', 'Anna', 'Ek', null, null],
      given: [0, 1, 2],
      changed: [],
      onConflict: 'fail',
    });
    expect(folds(create('person', { ...ANNA, tags: null }, { onConflict: 'keep' }))).toMatchObject({
      given: [0, 1, 2, 4],
      onConflict: 'keep',
    });
  });

  // Seen red with: sameColumns that compares lengths alone; that looks for one column alone.
  test('of an upsert meets the unique key that its conflict names, in whatever order', () => {
    expect(folds(upsert('person', ANNA, { conflict: ['id'] }))).toMatchObject({ onConflict: 0 });
    expect(folds(upsert('person', ANNA, { conflict: ['last', 'first'] }))).toMatchObject({ onConflict: 1 });
    for (const conflict of [['first'], ['visits'], ['first', 'visits'], ['first', 'last', 'id'], ['first', 'nobody']])
      refused(upsert('person', { ...ANNA, tags: null }, { conflict }), 'no such unique key');
  });

  // Seen red with: `added` taken for given (an upsert would overwrite the sum).
  test('may count: the amount is its value, and is told from what is given', () => {
    expect(folds(upsert('person', { ...ANNA, visits: increment(3) }, { conflict: ['id'] }))).toEqual({
      kind: 'insert',
      row: ['1', 'Anna', 'Ek', '3', null],
      given: [0, 1, 2],
      changed: [expect.objectContaining({ column: 3 })],
      onConflict: 0,
    });
  });

  // Seen red with: the look at hasDefault, and at notNull, taken out of encodeNewRow.
  test('that leaves something to the database is the database’s', () => {
    refused(create('person', ANNA), "'made' is left to the database", personTable([withDefault]));
    refused(create('person', ANNA), "'city' is left to the database", personTable([needed]));
    refused(create('person', { id: 1, first: 'Anna' }), "'last' is left to the database");
    expect(folds(create('person', { ...ANNA, city: 'Mora' }), personTable([needed]))).toMatchObject({
      row: ['1', 'Anna', 'Ek', null, null, 'Mora'],
    });
    const counted = { ...needed, name: 'times', plainType: 'int4' };
    const counting = upsert('person', { ...ANNA, times: increment() }, { conflict: ['id'] });
    expect(folds(counting, personTable([counted]))).toMatchObject({
      changed: [expect.objectContaining({ column: 5 })],
    });
    expect(folds(create('person', { ...ANNA, short: null }), personTable([limited]))).toMatchObject({
      given: [0, 1, 2, 5],
    });
  });
});

describe('a value', () => {
  test('for a column that is not there, of another type, or NULL where none may be, is PostgreSQL’s to refuse', () => {
    refused(create('person', { ...ANNA, nobody: 1 }), "there is no column 'nobody'");
    refused(create('person', { ...ANNA, visits: 'many' }), "'visits' may not be acceptable");
    refused(create('person', { ...ANNA, last: null }), "'last' may not be acceptable");
    refused(create('person', { ...ANNA, short: 'x' }), "'short' may not be acceptable", personTable([limited]));
  });

  // Seen red with: `canAdd` not asked; `isInKey` not asked.
  test('that is a change folds where it is a sum outside of every key', () => {
    refused(updateOf({ tags: arrayAppend('x') }, { id: 1 }), 'arrayAppend runs in order');
    refused(updateOf({ visits: increment(40_000) }, { id: 1 }), "'visits' may not be acceptable");
    const words = { ...withDefault, name: 'words', plainType: 'text', hasDefault: false };
    refused(updateOf({ words: increment() }, { id: 1 }), "'words' may not be acceptable", personTable([words]));
    const truth = upsert('person', { ...ANNA, id: 2 }, { conflict: ['first', 'last'] });
    refused({ ...truth, values: { ...truth.values, id: increment() } }, "increment changes 'id'");
  });
});

describe('an update', () => {
  test('gives its row what it sets, and finds it by a whole unique key', () => {
    expect(folds(update('person', { visits: 7, tags: null }, { id: 1 }))).toEqual({
      kind: 'update',
      row: [null, null, null, '7', null],
      given: [3, 4],
      changed: [],
      where: { place: 0, key: '1', texts: ['1'], all: [{ column: 0, text: '1', not: false }] },
    });
    expect(folds(update('person', { visits: increment() }, { id: 1 }))).toMatchObject({
      given: [],
      changed: [expect.objectContaining({ column: 3 })],
    });
  });

  // Seen red with: `some` made `every`.
  test('that sets a key runs in order, another row may have it', () => {
    refused(update('person', { first: 'Eva' }, { id: 1 }), 'it sets a key');
    refused(update('person', { visits: 1, id: 2 }, { id: 1 }), 'it sets a key');
  });
});

describe('a condition', () => {
  test('of more columns than a key has them all looked at', () => {
    expect(folds(remove('person', { last: 'Ek', first: 'Anna', visits: not(3) }))).toEqual({
      kind: 'remove',
      where: {
        place: 1,
        key: '4:Anna2:Ek',
        texts: ['Anna', 'Ek'],
        all: [
          { column: 2, text: 'Ek', not: false },
          { column: 1, text: 'Anna', not: false },
          { column: 3, text: '3', not: true },
        ],
      },
    });
    expect(folds(remove('person', { id: 1, visits: null }))).toMatchObject({
      where: { all: [expect.anything(), { column: 3, text: null, not: false }] },
    });
  });

  // Seen red with: `every` made `some` in encodeWhere; `if (!not)` taken out (a row that it must not be was looked for).
  test('that names no whole unique key could meet many rows', () => {
    refused(remove('person', { first: 'Anna' }), 'no whole unique key');
    refused(remove('person', { visits: 1 }), 'no whole unique key');
    refused(remove('person', { id: not(1) }), 'no whole unique key');
    refused({ kind: 'remove', table: 'person', where: { id: null } }, 'no whole unique key');
  });

  // Seen red with: COMPARABLE not asked (1.0 and 1 are equal for PostgreSQL).
  test('on a column whose equal values may have other texts, or that is not there, is PostgreSQL’s', () => {
    refused(remove('person', { id: 1, tags: 'x' }), "'tags' cannot be compared here");
    refused(remove('person', { id: 1, tags: not('x') }), "'tags' cannot be compared here");
    refused(remove('person', { id: 1, nobody: 'x' }), "there is no column 'nobody'");
    refused(remove('person', { id: 'one' }), "'id' cannot be compared here");
    refused(remove('person', { id: 1, short: 'x' }), "'short' cannot be compared here", personTable([limited]));
    for (const type of ['numeric', 'float8', 'timestamptz', 'json']) {
      const odd = { ...limited, name: 'odd', plainType: type };
      refused(remove('person', { id: 1, odd: 1 }), "'odd' cannot be compared here", personTable([odd]));
    }
  });

  test.each([
    ['uuid', '0B9C2C3E-36B4-4E9D-8B5C-3A1D0A8F3C11', '0b9c2c3e-36b4-4e9d-8b5c-3a1d0a8f3c11'],
    ['text', 'x', 'x'],
    ['varchar', 'x', 'x'],
    ['int2', 7, '7'],
    ['int4', '07', '7'],
    ['int8', 7n, '7'],
    ['date', '2026-04-01', '2026-04-01'],
    ['bool', true, 'true'],
  ])('on a %s is told by its text', (plainType, value, text) => {
    const other = { ...limited, name: 'other', plainType };
    expect(folds(remove('person', { id: 1, other: value }), personTable([other]))).toMatchObject({
      where: { all: [expect.anything(), { column: 5, text }] },
    });
  });
});

test('a copy reads rows that the page may write, so it runs in order', () => {
  refused(copy('person', { from: ['first'], where: { id: 1 }, conflict: ['id'] }), 'a copy reads rows');
});

test('keys of other columns have other texts, wherever a value ends, and none has a key with NULL', () => {
  expect(keyText(table, 1, ['1', 'a', 'bc'])).not.toBe(keyText(table, 1, ['1', 'ab', 'c']));
  expect(keyText(table, 0, ['1', 'a', 'b'])).toBe('1');
  expect(() => keyText(table, 1, ['1', 'a', null])).toThrow('a key has no value');
});
