import { expect, test } from 'vitest';
import { toIso } from '../../src/event-store/read.ts';

// Seen red with: a digit less taken; the length not checked.
test.each([
  ['2026-03-01 19:00:00.123456+00', '2026-03-01T19:00:00.123456Z'],
  ['2026-03-01 19:00:00.12+00', '2026-03-01T19:00:00.120000Z'],
  ['2026-03-01 19:00:00+00', '2026-03-01T19:00:00.000000Z'],
  // As long as a whole one, and none.
  ['12026-03-01 19:00:00.12345+00', '12026-03-01T19:00:00.123450Z'],
  ['12026-03-01 19:00:00.123456+00', '12026-03-01T19:00:00.123456Z'],
  ['infinity', 'infinity'],
])('the time %s of the store is %s', (text, iso) => {
  expect(toIso(text)).toBe(iso);
});
