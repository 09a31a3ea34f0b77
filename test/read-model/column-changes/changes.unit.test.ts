import { expect, test } from 'vitest';
import { isChange, isNot } from '../../../src/core/changes.ts';
import { OPERATOR } from '../../../src/core/statement.ts';
import { arrayAppend, arrayIntersect, arrayRemove, increment, not } from '../../../src/index.ts';

const invalid = (change: string) =>
  expect.objectContaining({ code: 'CHANGE_INVALID', fields: expect.objectContaining({ change }) });

/** A value of another type, as JavaScript code or a payload that does not match its declared type passes it. */
const loose = <T>(value: unknown): T => value as T;

// Seen red with: isNot, and isChange, that test for the key alone.
test('only the results of the functions are operators: no JSON value passes for one', () => {
  expect([not(1), not(null)].map(isNot)).toEqual([true, true]);
  const changes = [increment(), arrayAppend('a'), arrayRemove('a'), arrayIntersect(['a'])];
  expect(changes.map(isChange)).toEqual([true, true, true, true]);
  const values = [null, 'not', 1, [1], {}, { not: 1, other: 2 }, { not: 1 }, { change: 'increment', by: 1 }];
  for (const value of [...values, JSON.parse(JSON.stringify([not(1), increment(5)]))].flat()) {
    expect([isNot(value), isChange(value)], JSON.stringify(value)).toEqual([false, false]);
  }
});

test('two changes are equal if they do the same, so that a test can compare statements', () => {
  expect(increment(2)).toEqual(increment(2));
  expect(increment(2)).not.toEqual(increment(3));
  expect(arrayAppend('a')).not.toEqual(arrayRemove('a'));
  expect(JSON.stringify(increment(2))).toBe('{"change":"increment","by":2}');
});

// Seen red with: the check of isFinite taken out of increment; that of isSafeInteger.
test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, loose<number>('five'), loose<number>(null)])(
  'increment(%s) is refused because it is no exact amount',
  (by) => {
    expect(() => increment(by)).toThrow(invalid('increment'));
  },
);

test('increment accepts fractions, negative amounts and integers of any size, and adds 1 by default', () => {
  expect(increment().by).toBe(1);
  expect([increment(-0.5), increment(2n ** 70n)].map(({ by }) => by)).toEqual([-0.5, 2n ** 70n]);
  expect(() => increment(undefined)).not.toThrow();
});

// Seen red with: checkElement's throw taken out.
test('an array change accepts no objects, arrays or missing values as elements', () => {
  for (const element of [{}, ['a'], undefined].map(loose<string>)) {
    expect(() => arrayAppend(element)).toThrow(invalid('arrayAppend'));
    expect(() => arrayRemove(element)).toThrow(invalid('arrayRemove'));
    expect(() => arrayIntersect(['a', element])).toThrow(invalid('arrayIntersect'));
  }
  expect(() => arrayIntersect(loose<string[]>('a'))).toThrow(invalid('arrayIntersect'));
});

// Seen red with: each reason emptied; the value not shortened.
test('a refusal names the value, the reason and what to give instead', () => {
  const expectRefusal = (refused: () => unknown, value: string, reason: string) =>
    expect(refused).toThrow(expect.objectContaining({ fields: expect.objectContaining({ value, reason }) }));
  expectRefusal(() => increment(Number.NaN), 'NaN', 'give a number, a bigint or a decimal number as text');
  expectRefusal(() => increment('x'.repeat(41)), 'x'.repeat(40), "as text give a decimal number, such as '12.50'");
  expectRefusal(() => increment(loose<number>(null)), 'null', 'give a number, a bigint or a decimal number as text');
  expectRefusal(() => increment(2 ** 53), String(2 ** 53), 'beyond 2^53 a number is not exact, give a bigint');
  expectRefusal(() => arrayIntersect(loose<string[]>({})), 'an object', 'give a list');
  const elements = 'give text, a number, a bigint, a boolean, a Date or null';
  expectRefusal(() => arrayAppend(loose<string>({})), 'an object', elements);
  expectRefusal(() => arrayRemove(loose<string>(undefined)), 'undefined', elements);
});

test('an array change accepts every plain value, NULL and a Date included', () => {
  for (const element of ['a', 1, 1n, true, null, new Date(0)]) {
    expect(arrayAppend(element)).toMatchObject({ change: 'arrayAppend', element });
    expect(arrayRemove(element)).toMatchObject({ change: 'arrayRemove', element });
    expect(arrayIntersect([element])).toMatchObject({ change: 'arrayIntersect', elements: [element] });
  }
});

test('each function makes an operator that holds the kind of change and its operand', () => {
  const operator = { [OPERATOR]: true };
  expect(increment(2)).toEqual({ ...operator, change: 'increment', by: 2 });
  expect(arrayAppend('a')).toEqual({ ...operator, change: 'arrayAppend', element: 'a' });
  expect(arrayRemove('a')).toEqual({ ...operator, change: 'arrayRemove', element: 'a' });
  expect(arrayIntersect(['a'])).toEqual({ ...operator, change: 'arrayIntersect', elements: ['a'] });
  expect(not('a')).toEqual({ ...operator, not: 'a' });
});
