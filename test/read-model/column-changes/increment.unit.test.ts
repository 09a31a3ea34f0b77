import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { incrementChange } from '../../../src/read-model/column-changes/increment.ts';

const combine = incrementChange.fold?.combine ?? new Map();
const add = (type: string | null, current: string | null, by: string) => combine.get(type)?.(current, by);
const canAdd = (type: string | null) => combine.has(type);

const INTEGERS = [
  ['int2', 15n],
  ['int4', 31n],
  ['int8', 63n],
] as const;

describe.each(INTEGERS)('%s', (type, bits) => {
  const [least, most] = [-(2n ** bits), 2n ** bits - 1n];
  const fitting = fc.bigInt({ min: least, max: most });

  // Seen red with: `<=` for `<` at the upper limit; `>` for `>=` at the lower one.
  test('adds up to either end of its range, and not beyond', () => {
    expect(add(type, String(most - 1n), '1')).toBe(String(most));
    expect(add(type, String(most), '1')).toBe(undefined);
    expect(add(type, String(least + 1n), '-1')).toBe(String(least));
    expect(add(type, String(least), '-1')).toBe(undefined);
  });

  test('of any two numbers gives the exact sum, or undefined if it does not fit', () => {
    fc.assert(
      fc.property(fitting, fitting, (a, b) => {
        const sum = a + b;
        expect(add(type, String(a), String(b))).toBe(sum >= least && sum <= most ? String(sum) : undefined);
      }),
      { seed: 3 },
    );
  });
});

describe('numeric', () => {
  // Seen red with: `padEnd` left out; `padStart` left out (0.05 had no zero before the point).
  test.each([
    ['1', '2', '3'],
    ['1.5', '2.25', '3.75'],
    ['1.50', '2', '3.50'],
    ['0.02', '0.03', '0.05'],
    ['-0.02', '-0.03', '-0.05'],
    ['-0.05', '0.02', '-0.03'],
    ['-1.5', '1.5', '0.0'],
    ['99999999999999999999.9', '0.1', '100000000000000000000.0'],
    ['-10', '3', '-7'],
    ['1', '0.001', '1.001'],
  ])('%s plus %s is %s, with the longer fraction', (current, by, sum) => {
    expect(add('numeric', current, by)).toBe(sum);
    expect(add('numeric', by, current)).toBe(sum);
  });

  // Seen red with: `^` taken out of the pattern; `$` taken out.
  test.each(['NaN', 'Infinity', '1e5', '1.', '.5', '+1', ' 1', '1 ', '--1', '1.5x', ''])(
    '%j on either side is left to PostgreSQL',
    (operand) => {
      expect(add('numeric', '1', operand)).toBe(undefined);
      expect(add('numeric', operand, '1')).toBe(undefined);
    },
  );

  test('of any two decimals is exact to the last digit', () => {
    const scaled = fc.record({ units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), scale: fc.nat(12) });
    fc.assert(
      fc.property(scaled, scaled, (a, b) => {
        const scale = Math.max(a.scale, b.scale);
        const units = ({ units, scale: own }: typeof a) => units * 10n ** BigInt(scale - own);
        expect(add('numeric', written(a), written(b))).toBe(written({ units: units(a) + units(b), scale }));
      }),
      { seed: 4 },
    );
  });
});

/** The text of a numeric of this scale, as PostgreSQL writes it. */
function written({ units, scale }: { readonly units: bigint; readonly scale: number }): string {
  if (scale === 0) return String(units);
  const [size, unit] = [units < 0n ? -units : units, 10n ** BigInt(scale)];
  return `${units < 0n ? '-' : ''}${size / unit}.${String(size % unit).padStart(scale, '0')}`;
}

test('float8 rounds by IEEE 754, and an overflow is left to PostgreSQL', () => {
  expect(add('float8', '0.1', '0.2')).toBe('0.30000000000000004');
  expect(add('float8', '1e308', '1e308')).toBe(undefined);
  expect(add('float8', '5', '-7')).toBe('-2');
});

test.each(['int2', 'int4', 'int8', 'numeric', 'float8'])('NULL of a %s counts as 0', (type) => {
  expect(add(type, null, '7')).toBe('7');
});

// Seen red with: `plainType !== null` in place of `combine.has`.
test('no other type can be added to in memory', () => {
  for (const type of ['int2', 'int4', 'int8', 'numeric', 'float8']) expect(canAdd(type), type).toBe(true);
  for (const type of [null, 'text', 'float4', 'money', 'toString', '']) expect(canAdd(type), String(type)).toBe(false);
  for (const type of [null, 'text', 'float4']) expect(add(type, '1', '1'), String(type)).toBe(undefined);
});
