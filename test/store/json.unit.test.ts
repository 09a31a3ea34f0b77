import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deepFreeze, parseJson, stringifyJson } from '../../src/store/json.ts';

/** What JSON can say, with integers beyond 2^53 as bigint and texts that look like anything this module may use inside. */
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Number.isInteger(x)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 90n }),
    fc.bigInt({ min: -(2n ** 90n), max: -(2n ** 53n) }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\u0000big:12345678901234567',
      '\u0000big:no number',
      '"12345678901234567"',
      '\\"12345678901234567',
      '12345678901234567',
      '{"a":12345678901234567}',
    ),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 6 }), tie('any'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).any;

// Seen red with: a fixed mark before big integers ('\u0000big:…' as a text came back as a number, or did not parse).
test('what stringifyJson writes, parseJson reads back, big integers and texts that look like marks included', () => {
  fc.assert(
    fc.property(value, (x) => {
      expect(parseJson(stringifyJson(x))).toEqual(x);
    }),
    { seed: 42, numRuns: 1500 },
  );
});

test('text without a bigint is written exactly as JSON.stringify writes it', () => {
  const x = { text: '\u0000big:12', list: [1, null, 'å'] };
  expect(stringifyJson(x)).toBe(JSON.stringify(x));
});

// Seen red with: the safe range tested by the number of digits alone.
test.each<[string, unknown]>([
  ['9007199254740991', 9007199254740991],
  ['-9007199254740991', -9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['9007199254740993', 9007199254740993n],
  ['-9223372036854775808', -9223372036854775808n],
  ['[1.2345678901234567890]', [1.2345678901234567]],
  ['12345678901234567e3', 12345678901234567e3],
  ['"9007199254740993"', '9007199254740993'],
  ['{"9007199254740993":9007199254740993}', { '9007199254740993': 9007199254740993n }],
])('%s is read as the exact number, and stays a text where it is one', (text, expected) => {
  expect(parseJson(text)).toEqual(expected);
});

// Seen red with: /"(?:[^"\\]|\\.)*"/ for a string, which runs out of stack at a few million characters.
test('a text of many megabytes beside a big integer is read', () => {
  const long = '\\n'.repeat(1_000_000) + 'x'.repeat(8_000_000);
  const read = parseJson(`{"n":9007199254740993,"s":"${long}"}`) as { n: bigint; s: string };
  expect(read.n).toBe(9007199254740993n);
  expect(read.s.length).toBe(9_000_000);
});

test('undefined is written as null: a payload column must not be NULL', () => {
  expect(stringifyJson(undefined)).toBe('null');
});

// Seen red with: Object.freeze(value) alone, without its parts.
test('deepFreeze freezes every level', () => {
  const frozen = deepFreeze({ a: [{ b: 1 }] });
  expect(() => {
    (frozen.a[0] as { b: number }).b = 2;
  }).toThrow(TypeError);
  expect(() => frozen.a.push({ b: 3 })).toThrow(TypeError);
});

// Seen red with: the look at ArrayBuffer.isView taken out.
test('deepFreeze passes over bytes, which cannot be frozen', () => {
  expect(Object.isFrozen(deepFreeze({ bytes: new Uint8Array(2) }))).toBe(true);
});

// Seen red with: the look at Number.isFinite left out (Infinity).
test('G10: a decimal that no number can hold is read as its text, an integer of any size as itself, minus zero as zero', () => {
  const huge = `1${'0'.repeat(400)}`;
  expect(parseJson(`{"whole": ${huge}, "part": -${huge}.5, "text": "${huge}.5", "zero": -0}`)).toEqual({
    whole: 10n ** 400n,
    part: `-${huge}.5`,
    text: `${huge}.5`,
    zero: -0,
  });
});
