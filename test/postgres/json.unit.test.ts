import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Decimal, plainDecimal } from '../../src/core/decimal.ts';
import { deepFreeze, parseJson, stringifyJson } from '../../src/postgres/json.ts';

/** Any JSON value, with integers beyond 2^53 as bigint, and with texts that resemble the marks that the module uses. */
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
test('parseJson reads back every value that stringifyJson writes, big integers and texts that look like marks included', () => {
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
  ['[1.2345678901234567890]', [new Decimal('1.2345678901234567890')]],
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

// Seen red with: the check of ArrayBuffer.isView taken out.
test('deepFreeze leaves bytes as they are, because they cannot be frozen', () => {
  expect(Object.isFrozen(deepFreeze({ bytes: new Uint8Array(2) }))).toBe(true);
});

// Seen red with: `isExactNumber` always true (Infinity; a rounded number).
test('G10: a decimal that no number can hold is read as a Decimal, an integer of any size as itself, minus zero as zero', () => {
  const huge = `1${'0'.repeat(400)}`;
  const text = `{"whole": ${huge}, "part": -${huge}.5, "text": "${huge}.5", "zero": -0}`;
  const read = parseJson(text);
  expect(read).toEqual({ whole: 10n ** 400n, part: new Decimal(`-${huge}.5`), text: `${huge}.5`, zero: -0 });
  expect(JSON.parse(stringifyJson(read))).toEqual(JSON.parse(text.replace('-0}', '0}')));
  expect(stringifyJson(read)).toContain(`"part":-${huge}.5`);
});

// Seen red with: `\\d{16}` alone for LONG_NUMBER; isExactNumber that compares with String(number) alone (the doubles of
// 17 digits), or with the 17 digits of any number; LONG_EXPONENT not tested.
test.each([
  ['0.1', 0.1],
  ['12.50', 12.5],
  ['0.30000000000000004', 0.30000000000000004],
  ['55.604999999999997', 55.605],
  ['12345678901234.567', new Decimal('12345678901234.567')],
  ['99999999999999.999', new Decimal('99999999999999.999')],
  ['81627985606181936.0', new Decimal('81627985606181936.0')],
  ['-9007199254740992.0', -9007199254740992],
  ['1234567890.12345678901', new Decimal('1234567890.12345678901')],
  ['-0.12345678901234567890', new Decimal('-0.12345678901234567890')],
  ['1e400', new Decimal('1e400')],
  ['1e-400', new Decimal('1e-400')],
  ['1e23', 1e23],
])('the number %s is read as what it says, and written so again', (text, expected) => {
  const read = parseJson(`{"n":${text}}`);
  expect(read).toEqual({ n: expected });
  if (expected instanceof Decimal) expect(stringifyJson(read)).toBe(`{"n":${text}}`);
});

// Seen red with: the check for a leading zero taken out of parseMarked.
test.each(['01234567890123456789', '-01234567890123456.5', '[00.12345678901234567]'])('%s is no JSON', (text) => {
  expect(() => parseJson(text)).toThrow(SyntaxError);
});

// Seen red with: mark as `number` in decimalAt (a text that is a decimal lost its quotes).
test('any decimal is read back digit for digit, beside texts that look like one', () => {
  const decimal = fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.bigInt({ min: 1n, max: 10n ** 30n }))
    .map(([minus, whole, fraction]) => `${minus ? '-' : ''}${whole}.${fraction}`);
  fc.assert(
    fc.property(decimal, (text) => {
      const read = parseJson(`{"n":[${text}],"t":"${text}"}`) as { n: [number | Decimal]; t: string };
      expect(read.t).toBe(text);
      const [n] = read.n;
      if (n instanceof Decimal) expect(stringifyJson(read)).toBe(`{"n":[${text}],"t":"${text}"}`);
      else expect([plainDecimal(String(n)), plainDecimal(n.toPrecision(17))].map(trimmed)).toContain(trimmed(text));
    }),
    { seed: 7, numRuns: 1000 },
  );
});

function trimmed(text: string | undefined): string | undefined {
  const plain = text === undefined ? undefined : plainDecimal(text);
  return plain?.includes('.') ? plain.replace(/0+$/, '').replace(/\.$/, '') : plain;
}

test('in arithmetic a Decimal is the nearest number, and in a string its own text', () => {
  const n = new Decimal('0.12345678901234567890');
  expect([Number(n) + 1, Number(n) * 2, `${n}`, JSON.stringify({ n })]).toEqual([
    1.1234567890123457,
    0.24691357802469135,
    '0.12345678901234567890',
    '{"n":"0.12345678901234567890"}',
  ]);
  expect(() => new Decimal('1.')).toThrow('is no decimal number');
});
