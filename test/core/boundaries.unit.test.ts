import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deathsInARow, fullJitter } from '../../src/core/backoff.ts';
import { checkIdentifier, quoteIdentifier } from '../../src/core/identifier.ts';
import { POSITION_PATTERN, parsePosition, positionOrNull } from '../../src/core/position.ts';
import { isUuid } from '../../src/core/uuid.ts';
import { nextPageSize, PAGE_MAX, PAGE_MIN } from '../../src/projector/page-size-bounds.ts';

// Seen red with: {0,63} in the pattern (PostgreSQL cuts names at 63 bytes without an error); `__proto__` let through.
test('an identifier is lower-case letters, digits and underscores, at most 63 of them', () => {
  for (const good of ['a', '_a', 'a1_b', 'constructor', '__proto', 'x'.repeat(63)]) {
    expect(checkIdentifier('table', good)).toBe(good);
    expect(quoteIdentifier(good)).toBe(`"${good}"`);
  }
  for (const bad of [
    '',
    '1a',
    'A',
    'å',
    'a-b',
    'a.b',
    'a b',
    'a"',
    "a'",
    'a\u0000',
    'a\n',
    '__proto__',
    'x'.repeat(64),
  ]) {
    expect(() => checkIdentifier('table', bad), JSON.stringify(bad)).toThrow(
      expect.objectContaining({ code: 'IDENTIFIER_INVALID' }),
    );
  }
  expect(() => checkIdentifier('table', 7 as unknown as string)).toThrow(
    expect.objectContaining({ code: 'IDENTIFIER_INVALID' }),
  );
});

test('the error of a refused name has its first 80 characters', () => {
  expect(() => checkIdentifier('projection', 'X'.repeat(100))).toThrow(
    expect.objectContaining({ fields: { what: 'projection', value: 'X'.repeat(80) } }),
  );
  expect(() => quoteIdentifier('a"')).toThrow(expect.objectContaining({ fields: { what: 'column', value: 'a"' } }));
});

// Seen red with: BigInt(Number(text)).
test('a position is every whole number from 0 to 2^63 - 1, exactly', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (position) => {
      expect(parsePosition(String(position))).toBe(position);
      expect(positionOrNull(String(position))).toBe(position);
      expect(String(position)).toMatch(new RegExp(POSITION_PATTERN));
    }),
    { seed: 42 },
  );
  expect(parsePosition('9223372036854775807')).toBe(9223372036854775807n);
});

// Seen red with: the comparison with MAX_POSITION taken out.
test.each([
  '',
  '-1',
  '01',
  '1.0',
  '1e3',
  ' 1',
  '1 ',
  '0x1',
  '٣',
  '9223372036854775808',
  '10000000000000000000',
  '9'.repeat(500),
])('%s is no position', (text) => {
  expect(positionOrNull(text)).toBeNull();
  expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('the error of a refused position has its first 40 characters and the reason', () => {
  const expectRefused = (text: string, reason: string) =>
    expect(() => parsePosition(text)).toThrow(expect.objectContaining({ fields: { setting: 'position', reason } }));
  expectRefused('9'.repeat(50), `'${'9'.repeat(40)}' is not a decimal string`);
  expectRefused('9223372036854775808', '9223372036854775808 is above 2^63 - 1');
});

// Seen red with: the pattern without `i`, without `^`, without `$`.
test('a UUID has 32 hexadecimal digits of either case in five groups', () => {
  for (const good of ['0123abcd-0123-0123-0123-0123456789ef', 'ABCDEF01-ABCD-1234-0000-00000000000F']) {
    expect(isUuid(good)).toBe(true);
    const bad = [
      `${good} `,
      ` ${good}`,
      `${good}0`,
      `{${good}}`,
      good.replaceAll('-', ''),
      good.replace(/^./, 'g'),
      '',
    ];
    for (const text of bad) expect(isUuid(text), text).toBe(false);
  }
});

test('a page stays between its bounds whatever pages took', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ full: fc.boolean(), ms: fc.double({ min: 0, max: 5000, noNaN: true }) }), { maxLength: 60 }),
      (pages) => {
        const size = pages.reduce(nextPageSize, PAGE_MIN);
        expect(size).toBeGreaterThanOrEqual(PAGE_MIN);
        expect(size).toBeLessThanOrEqual(PAGE_MAX);
        expect(Number.isInteger(size)).toBe(true);
      },
    ),
    { seed: 42 },
  );
});

// Seen red with: `page.full &&` taken out.
test('a page grows while full pages are quick, shrinks when one was slow, else stays', () => {
  expect(nextPageSize(400, { full: true, ms: 10 })).toBe(800);
  expect(nextPageSize(400, { full: false, ms: 10 })).toBe(400);
  expect(nextPageSize(400, { full: true, ms: 400 })).toBe(400);
  expect(nextPageSize(400, { full: true, ms: 1000 })).toBe(400);
  expect(nextPageSize(1000, { full: false, ms: 1001 })).toBe(500);
  expect(nextPageSize(PAGE_MAX, { full: true, ms: 10 })).toBe(PAGE_MAX);
  expect(nextPageSize(PAGE_MIN, { full: true, ms: 9000 })).toBe(PAGE_MIN);
});

// Seen red with: Math.min(options.capMs, …) taken out.
test('full jitter lies between 0 and a ceiling that doubles up to its cap', () => {
  const options = { baseMs: 200, capMs: 30_000 };
  const almost = 1 - Number.EPSILON;
  expect([1, 2, 3, 9, 2000].map((attempt) => fullJitter(attempt, options, almost))).toEqual([
    199, 399, 799, 29_999, 29_999,
  ]);
  expect(fullJitter(1, options, 0)).toBe(0);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: almost, noNaN: true }),
      (attempt, random) => {
        const ms = fullJitter(attempt, options, random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThan(30_000);
      },
    ),
    { seed: 42 },
  );
});

// Seen red with: `>` for `>=`.
test('a death is one more in a row until a life was long enough', () => {
  expect([0, 59_999].map((livedMs) => deathsInARow(3, livedMs, 60_000))).toEqual([4, 4]);
  expect([60_000, 60_001].map((livedMs) => deathsInARow(3, livedMs, 60_000))).toEqual([1, 1]);
});
