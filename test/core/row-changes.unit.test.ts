import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pairRows } from '../../src/core/row-changes.ts';

const row = (key: string, mark: string) => ({ key, mark });

test('rows of one key are a change, a row that only one look has seen came or went, in the order of their keys', () => {
  const before = [row('c', '1'), row('a', '1'), row('d', '1')];
  const after = [row('d', '2'), row('b', '1'), row('a', '1')];
  expect(pairRows(before, after)).toEqual([
    { before: null, after: row('b', '1') },
    { before: row('c', '1'), after: null },
    { before: row('d', '1'), after: row('d', '2') },
  ]);
});

// Seen red with: the filter taken out.
test('a row that was written again with what it had is no change', () => {
  expect(pairRows([row('a', '1')], [row('a', '1')])).toEqual([]);
  expect(pairRows([], [])).toEqual([]);
});

// Seen red with: the earlier rows of a key not kept in the map.
test('rows that share a key are paired in the order given, those left over are gone', () => {
  expect(pairRows([row('a', '1'), row('a', '2'), row('a', '3')], [row('a', '4'), row('a', '2')])).toEqual([
    { before: row('a', '1'), after: row('a', '4') },
    { before: row('a', '3'), after: null },
  ]);
  expect(pairRows([row('a', '1')], [row('a', '2'), row('a', '3')])).toEqual([
    { before: row('a', '1'), after: row('a', '2') },
    { before: null, after: row('a', '3') },
  ]);
});

const rows = fc.uniqueArray(fc.record({ key: fc.string({ maxLength: 2 }), mark: fc.constantFrom('1', '2') }), {
  selector: ({ key }) => key,
});

test('for any rows the pairs lead from the ones to the others, sorted, each key once', () => {
  fc.assert(
    fc.property(rows, rows, (before, after) => {
      const pairs = pairRows(before, after);
      const reached = new Map(before.map((one) => [one.key, one.mark]));
      const keys = pairs.map((pair) => (pair.before ?? pair.after)?.key ?? '');
      for (const [index, pair] of pairs.entries()) {
        expect(reached.get(keys[index] ?? '')).toBe(pair.before?.mark);
        if (pair.after === null) reached.delete(keys[index] ?? '');
        else reached.set(pair.after.key, pair.after.mark);
      }
      expect(reached).toEqual(new Map(after.map((one) => [one.key, one.mark])));
      expect(keys).toEqual([...new Set(keys)].sort());
    }),
    { seed: 11 },
  );
});
