import { expect, test } from 'vitest';
import { describeError } from '../../src/core/describe-error.ts';

test.each<[string, unknown, string]>([
  ['an error', new TypeError('no such table'), 'no such table'],
  ['an error without words', new TypeError(''), 'TypeError'],
  ['text', 'just so', 'just so'],
  ['nothing', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a number', 7, '7'],
  ['what has no text', Object.create(null), 'an error that cannot be shown'],
  ['an error whose message throws', broken(), 'an error that cannot be shown'],
])('%s that was thrown is described', (_what, thrown, text) => {
  expect(describeError(thrown)).toBe(text);
});

// Seen red with: the slice taken out.
test('a text that a table could not hold is made one that it can', () => {
  expect(describeError('a\u0000b\u0000')).toBe('a\\u0000b\\u0000');
  expect(describeError('x'.repeat(5000))).toBe('x'.repeat(4000));
});

function broken(): Error {
  return Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('no');
    },
  });
}
