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
/** An update that the builder would refuse. */
const updateOf = (set: Changes, where: Where): Write => ({ kind: 'update', table: 'person', set, where });

describe('a new row', () => {
  test('is complete: a column that is left out is NULL, and is not among the given columns', () => {
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

  // Seen red with: sameColumns that compares lengths only; that searches for one column only.
  test('of an upsert uses the unique key of its conflict columns, in any order', () => {
    expect(folds(upsert('person', ANNA, { conflict: ['id'] }))).toMatchObject({ onConflict: 0 });
    expect(folds(upsert('person', ANNA, { conflict: ['last', 'first'] }))).toMatchObject({ onConflict: 1 });
    for (const conflict of [['first'], ['visits'], ['first', 'visits'], ['first', 'last', 'id'], ['first', 'missing']])
      refused(upsert('person', { ...ANNA, tags: null }, { conflict }), 'no such unique key');
  });

  // Seen red with: changed columns among the given ones (an upsert would overwrite the sum).
  test('has the amount of an increment as its value, and the column is changed, not given', () => {
    expect(folds(upsert('person', { ...ANNA, visits: increment(3) }, { conflict: ['id'] }))).toEqual({
      kind: 'insert',
      row: ['1', 'Anna', 'Ek', '3', null],
      given: [0, 1, 2],
      changed: [expect.objectContaining({ column: 3 })],
      onConflict: 0,
    });
  });

  // Seen red with: the check of hasDefault removed from encodeInsert; that of notNull.
  test('that leaves a value to the database runs in order', () => {
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
  test('for a missing column, of another type, or NULL in a NOT NULL column, runs in order', () => {
    refused(create('person', { ...ANNA, missing: 1 }), "there is no column 'missing'");
    refused(create('person', { ...ANNA, visits: 'many' }), "'visits' may not be acceptable");
    refused(create('person', { ...ANNA, last: null }), "'last' may not be acceptable");
    refused(create('person', { ...ANNA, short: 'x' }), "'short' may not be acceptable", personTable([limited]));
  });

  // Seen red with: `combine` not checked; `isInKey` not checked.
  test('that is a change is folded only if it is a sum and no key column', () => {
    refused(updateOf({ tags: arrayAppend('x') }, { id: 1 }), 'arrayAppend runs in order');
    refused(updateOf({ visits: increment(40_000) }, { id: 1 }), "'visits' may not be acceptable");
    const words = { ...withDefault, name: 'words', plainType: 'text', hasDefault: false };
    refused(updateOf({ words: increment() }, { id: 1 }), "'words' may not be acceptable", personTable([words]));
    refused(updateOf({ words: increment('1') }, { id: 1 }), "increment changes 'words'", personTable([words]));
    const truth = upsert('person', { ...ANNA, id: 2 }, { conflict: ['first', 'last'] });
    refused({ ...truth, values: { ...truth.values, id: increment() } }, "increment changes 'id'");
  });
});

describe('an update', () => {
  test('has the values that it sets, and the whole unique key of its condition', () => {
    expect(folds(update('person', { visits: 7, tags: null }, { id: 1 }))).toEqual({
      kind: 'update',
      row: [null, null, null, '7', null],
      given: [3, 4],
      changed: [],
      where: { keyIndex: 0, key: '1', texts: ['1'], all: [{ column: 0, text: '1', not: false }] },
    });
    expect(folds(update('person', { visits: increment() }, { id: 1 }))).toMatchObject({
      given: [],
      changed: [expect.objectContaining({ column: 3 })],
    });
  });

  // Seen red with: `some` replaced by `every`.
  test('that sets a key column runs in order, because another row may have the key', () => {
    refused(update('person', { first: 'Eva' }, { id: 1 }), 'it sets a column of a unique key');
    refused(update('person', { visits: 1, id: 2 }, { id: 1 }), 'it sets a column of a unique key');
  });
});

describe('a condition', () => {
  test('of more columns than those of a key keeps all of them', () => {
    expect(folds(remove('person', { last: 'Ek', first: 'Anna', visits: not(3) }))).toEqual({
      kind: 'remove',
      where: {
        keyIndex: 1,
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

  // Seen red with: `every` replaced by `some` in encodeWhere; `if (!not)` removed (it searched for the excluded row).
  test('without a whole unique key runs in order, because it could match many rows', () => {
    refused(remove('person', { first: 'Anna' }), 'no whole unique key');
    refused(remove('person', { visits: 1 }), 'no whole unique key');
    refused(remove('person', { id: not(1) }), 'no whole unique key');
    refused({ kind: 'remove', table: 'person', where: { id: null } }, 'no whole unique key');
  });

  // Seen red with: COMPARABLE not checked (1.0 and 1 are equal for PostgreSQL).
  test('on a missing column, or of a type whose equal values may have different texts, runs in order', () => {
    refused(remove('person', { id: 1, tags: 'x' }), "'tags' cannot be compared in memory");
    refused(remove('person', { id: 1, tags: not('x') }), "'tags' cannot be compared in memory");
    refused(remove('person', { id: 1, missing: 'x' }), "there is no column 'missing'");
    refused(remove('person', { id: 'one' }), "'id' cannot be compared in memory");
    refused(remove('person', { id: 1, short: 'x' }), "'short' cannot be compared in memory", personTable([limited]));
    for (const type of ['numeric', 'float8', 'timestamptz', 'json']) {
      const odd = { ...limited, name: 'odd', plainType: type };
      refused(remove('person', { id: 1, odd: 1 }), "'odd' cannot be compared in memory", personTable([odd]));
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
  ])('on a %s compares its text', (plainType, value, text) => {
    const other = { ...limited, name: 'other', plainType };
    expect(folds(remove('person', { id: 1, other: value }), personTable([other]))).toMatchObject({
      where: { all: [expect.anything(), { column: 5, text }] },
    });
  });
});

test('a copy runs in order, because it reads rows that the page may write', () => {
  refused(copy('person', { from: ['first'], where: { id: 1 }, conflict: ['id'] }), 'a copy reads rows');
});

test('different keys have different texts, also if their values join to the same text, and a key with NULL has none', () => {
  expect(keyText(table, 1, ['1', 'a', 'bc'])).not.toBe(keyText(table, 1, ['1', 'ab', 'c']));
  expect(keyText(table, 0, ['1', 'a', 'b'])).toBe('1');
  expect(() => keyText(table, 1, ['1', 'a', null])).toThrow('a unique key has no value');
});
