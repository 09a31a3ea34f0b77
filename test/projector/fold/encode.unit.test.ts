import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnValue } from '../../../src/core/statement.ts';
import { encode } from '../../../src/projector/fold/encode.ts';

const UUID = '0b9c2c3e-36b4-4e9d-8b5c-3a1d0a8f3c11';

describe('a value whose text is certain', () => {
  test.each<[string, ColumnValue, string]>([
    ['uuid', UUID, UUID],
    ['uuid', UUID.toUpperCase(), UUID],
    ['text', 'Åströms 🎻', 'Åströms 🎻'],
    ['text', '', ''],
    ['varchar', 'x', 'x'],
    ['int2', 7, '7'],
    ['int4', -7n, '-7'],
    ['int8', '007', '7'],
    ['int8', '-9223372036854775808', '-9223372036854775808'],
    ['float8', 0.1, '0.1'],
    ['float8', -5, '-5'],
    ['numeric', 0.1, '0.1'],
    ['numeric', 2n ** 80n, String(2n ** 80n)],
    ['bool', true, 'true'],
    ['bool', false, 'false'],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '2000-02-29', '2000-02-29'],
    ['date', '0001-01-01', '0001-01-01'],
    ['date', '9999-12-31', '9999-12-31'],
    ['timestamptz', '2026-03-01T19:00:00Z', '2026-03-01T19:00:00Z'],
    ['timestamptz', '2026-03-01T23:59:59.123456Z', '2026-03-01T23:59:59.123456Z'],
    ['timestamptz', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['jsonb', { a: [1, 2n] }, '{"a":[1,2]}'],
    ['json', 'words', '"words"'],
  ])('is sent: %s %s', (type, value, text) => {
    expect(encode(type, value)).toBe(text);
  });

  test('NULL is NULL in any type, also one that is not known', () => {
    for (const type of ['uuid', 'jsonb', 'hstore', null]) expect(encode(type, null)).toBe(null);
  });
});

// Seen red with: every day cached as valid.
test('an invalid day is uncertain each time, also right after a valid one', () => {
  const days = ['2026-02-28', '2026-02-30', '2026-02-30', '2026-02-28'];
  expect(days.map((day) => encode('date', day))).toEqual(['2026-02-28', undefined, undefined, '2026-02-28']);
});

/** Its page runs in order, and PostgreSQL decides. */
describe('an uncertain value', () => {
  // Seen red with: the patterns without `^`, without `$`; each comparison of a month, day, hour, minute and second left out.
  test.each<[string, ColumnValue]>([
    ['uuid', `{${UUID}}`],
    ['uuid', `${UUID}0`],
    ['uuid', `0${UUID}`],
    ['uuid', UUID.replaceAll('-', '')],
    ['uuid', 7],
    // As text, a list of one value is that value.
    ['uuid', [UUID]],
    ['int4', ['7']],
    ['date', ['2026-04-01']],
    ['timestamptz', ['2026-03-01T19:00:00Z']],
    ['text', 'a\u0000b'],
    ['text', 'half \ud83c'],
    ['text', 7],
    ['varchar', true],
    ['int2', 32768],
    ['int2', -32769],
    ['int4', 2 ** 31],
    ['int8', 2n ** 63n],
    ['int8', -(2n ** 63n) - 1n],
    ['int8', 2 ** 53],
    ['int4', 1.5],
    ['int4', Number.NaN],
    ['int4', ' 7'],
    ['int4', '7 '],
    ['int4', '7x'],
    ['int4', 'x7'],
    ['int4', '+7'],
    ['int4', ''],
    ['int4', '0'.repeat(20)],
    ['int4', true],
    ['float8', 1n],
    ['float8', Number.POSITIVE_INFINITY],
    ['float8', Number.NaN],
    ['numeric', Number.NaN],
    ['numeric', Number.NEGATIVE_INFINITY],
    ['numeric', true],
    ['bool', 'true'],
    ['bool', 1],
    ['date', '2023-02-29'],
    ['date', '1900-02-29'],
    ['date', '2026-00-10'],
    ['date', '2026-13-10'],
    ['date', '2026-04-00'],
    ['date', '2026-04-31'],
    ['date', '0000-01-01'],
    ['date', '2026-4-1'],
    ['date', '12026-04-01'],
    ['date', '2026-04-011'],
    ['date', 'infinity'],
    ['date', new Date(0)],
    ['date', 20260401],
    ['timestamptz', '2026-03-01T24:00:00Z'],
    ['timestamptz', '2026-03-01T19:60:00Z'],
    ['timestamptz', '2026-03-01T19:00:60Z'],
    ['timestamptz', '2026-02-30T19:00:00Z'],
    ['timestamptz', '2026-03-01T19:00:00.1234567Z'],
    ['timestamptz', '2026-03-01T19:00:00.Z'],
    ['timestamptz', '2026-03-01T19:00:00'],
    ['timestamptz', '2026-03-01T19:00:00Zx'],
    ['timestamptz', 'x2026-03-01T19:00:00Z'],
    ['timestamptz', '2026-03-01 19:00:00Z'],
    ['timestamptz', new Date(Number.NaN)],
    ['timestamptz', new Date(8.64e15)],
    ['timestamptz', 0],
    ['jsonb', { a: 'a\u0000b' }],
    ['jsonb', 'half \ud83c'],
    ['jsonb', ['half \udfff']],
    ['json', '\u0000'],
    // A backslash in the text itself, which the pattern takes for the escape.
    ['jsonb', 'a \\u0000'],
    ['hstore', 'x'],
  ])('is left to PostgreSQL: %s %s', (type, value) => {
    expect(encode(type, value)).toBe(undefined);
  });

  test('is any value of a type that is not plain', () => {
    expect(encode(null, 'x')).toBe(undefined);
  });
});

test('an integer has its own text up to the limits of its type, as a bigint and as text', () => {
  for (const [type, bits] of [
    ['int2', 15n],
    ['int4', 31n],
    ['int8', 63n],
  ] as const) {
    for (const value of [-(2n ** bits), 2n ** bits - 1n, 0n]) {
      expect(encode(type, value)).toBe(String(value));
      expect(encode(type, String(value))).toBe(String(value));
    }
    expect(encode(type, 2n ** bits)).toBe(undefined);
    expect(encode(type, -(2n ** bits) - 1n)).toBe(undefined);
  }
});

test('every day of the calendar is a date', () => {
  const day = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(day, (date) => {
      const text = date.toISOString().slice(0, 10);
      expect(encode('date', text)).toBe(text);
      expect(encode('timestamptz', date)).toBe(date.toISOString());
    }),
    { seed: 8 },
  );
});
