import { expect, test } from 'vitest';
import { percentDecoded } from '../../src/core/percent-encoding.ts';

// Seen red with: the `catch` left out.
test.each([
  ['p%40ss%2Fword', 'p@ss/word'],
  ['b%C3%A4nd', 'bänd'],
  ['plain', 'plain'],
  ['100%', '100%'],
  ['%zz%41', '%zz%41'],
  ['%C3', '%C3'],
])('%j decodes to %j: what is not percent-encoded stays as it is', (text, decoded) => {
  expect(percentDecoded(text)).toBe(decoded);
});
