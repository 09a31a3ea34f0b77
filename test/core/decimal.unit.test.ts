import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addDecimals, Decimal, plainDecimal } from '../../src/core/decimal.ts';
import { encode } from '../../src/projector/fold/encode.ts';
import { increment } from '../../src/read-model/column-changes/increment.ts';

// Seen red with: `point` without the shift; zeros at the front kept; the sign of zero kept.
test.each([
  ['0', '0'],
  ['-0', '0'],
  ['-0.00', '0.00'],
  ['007.50', '7.50'],
  ['+1', '1'],
  ['1e21', '1000000000000000000000'],
  ['1.5e3', '1500'],
  ['1.50e1', '15.0'],
  ['1e-9', '0.000000001'],
  ['-12.34e-3', '-0.01234'],
  ['0e5', '0'],
])('%s is written out as %s', (text, plain) => {
  expect(plainDecimal(text)).toBe(plain);
});

test.each(['', '.5', '1.', 'NaN', 'Infinity', '1e', ' 1', '1e2000', '9'.repeat(1001)])(
  '%j is not written out',
  (text) => {
    expect(plainDecimal(text)).toBe(undefined);
  },
);

test('a decimal amount is a number, a bigint, a text or a Decimal, and nothing else', () => {
  for (const by of [12.5, 3n, '12.50', '-1e-20']) expect(increment(by).by).toBe(by);
  expect(increment(new Decimal('0.10')).by).toBe('0.10');
  for (const by of ['', '12,50', 'NaN', '0x10', '1.'])
    expect(() => increment(by)).toThrow("as text give a decimal number, such as '12.50'");
});

test('numeric columns get every digit, and double precision ones the nearest double', () => {
  const long = new Decimal('12345678901234567.890123456789');
  expect(encode('numeric', long)).toBe(long.text);
  expect(encode('numeric', '12.50')).toBe('12.50');
  expect(encode('numeric', 1e-7)).toBe('0.0000001');
  expect(encode('float8', new Decimal('55.6049999999999970000'))).toBe('55.605');
  expect(encode('float8', new Decimal('1e-310'))).toBe(undefined);
  expect(encode('int4', '12.50')).toBe(undefined);
  expect(encode('jsonb', { n: [long] })).toBe(`{"n":[${long.text}]}`);
});

// Seen red with: JSON_DEPTH not looked at; brackets in texts taken for closing ones; holdsHuge always false.
test('a JSON value that may be too deep or too large for PostgreSQL is in doubt', () => {
  const nested = (depth: number) => JSON.parse(`${'["]",'.repeat(depth)}1${']'.repeat(depth)}`) as unknown[];
  expect(encode('jsonb', nested(400) as never)).not.toBe(undefined);
  expect(encode('jsonb', nested(600) as never)).toBe(undefined);
  expect(
    encode(
      'jsonb',
      Array.from({ length: 600 }, () => [1]),
    ),
  ).not.toBe(undefined);
  expect(encode('jsonb', [10n ** 2000n])).toBe(undefined);
  expect(encode('jsonb', ['9'.repeat(2000), '1e9999'])).not.toBe(undefined);
  expect(encode('jsonb', [new Decimal('1e200000')])).toBe(undefined);
});

test('sums of decimals have every digit', () => {
  const amount = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n });
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      const [x, y] = [plainDecimal(`${a}e-10`) ?? '', plainDecimal(`${b}e-10`) ?? ''];
      expect(plainDecimal(addDecimals(x, y) ?? '')).toBe(plainDecimal(`${a + b}e-10`));
    }),
    { seed: 9 },
  );
});
