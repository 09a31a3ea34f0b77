import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pairId, uuidV5 } from '../../examples/dancefinder/pair-id.ts';

const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

test('a version 5 UUID is the one that RFC 9562 gives for www.example.com', () => {
  expect(uuidV5(DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

test('a version 5 UUID is the one that other libraries give for www.widgets.com, the example of RFC 4122', () => {
  expect(uuidV5(DNS, 'www.widgets.com')).toBe('21f7f8de-8051-5b89-8680-0195ef798b6a');
});

test('the id of a pair never changes between releases', () => {
  expect(pairId('Mora', 'auth0|åsa')).toMatchInlineSnapshot(`"092f775b-88f0-5550-9f50-14baa173dcf5"`);
});

test('the id of a pair has version 5 and the RFC variant', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(pairId(a, b)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }),
  );
});

test('pairs whose concatenations are equal have different ids', () => {
  expect(pairId('a', 'b","c')).not.toBe(pairId('a","b', 'c'));
  expect(pairId('a', 'b|c')).not.toBe(pairId('a|b', 'c'));
  expect(pairId('', 'ab')).not.toBe(pairId('ab', ''));
  expect(pairId('a', 'b')).not.toBe(pairId('b', 'a'));
});
