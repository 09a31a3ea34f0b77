import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextSpan, SPAN_MAX, spanAfterFailure } from '../../src/core/page-span.ts';

const LIMIT = 5000;
const QUICK = { full: false, ms: 20 };

/** The spans of reads through events of which one in `every` is wanted. */
function spans(every: number, limit = LIMIT): readonly number[] {
  const all = [200];
  for (let read = 0; read < 12; read += 1) {
    const span = all.at(-1) ?? 0;
    const found = Math.floor(span / every);
    const positions = found > limit ? limit * every : span;
    all.push(nextSpan(span, { ...QUICK, positions, events: Math.min(found, limit), full: found >= limit }, limit));
  }
  return all;
}

// Seen red with: no factor 4 (it stays at 200); SPAN_MAX left out.
test('where nothing is wanted the span grows fourfold up to its bound', () => {
  expect(spans(1_000_000).slice(0, 7)).toEqual([200, 800, 3200, 12_800, 51_200, SPAN_MAX, SPAN_MAX]);
});

test('where every event is wanted the span is the size of a page; where one in twenty is, a page is nearly filled', () => {
  expect(spans(1).at(-1)).toBe(LIMIT);
  expect(spans(1, 10).at(-1)).toBe(10);
  const found = (spans(20).at(-1) ?? 0) / 20;
  expect(found).toBeGreaterThan(LIMIT * 0.8);
  expect(found).toBeLessThan(LIMIT);
});

// Seen red with: `last.ms > 1000` taken out.
test('a read that takes long is followed by a smaller one, and so is one that was given up', () => {
  expect(nextSpan(SPAN_MAX, { positions: SPAN_MAX, events: 0, full: false, ms: 3000 }, LIMIT)).toBe(SPAN_MAX / 2);
  expect(spanAfterFailure(SPAN_MAX)).toBe(SPAN_MAX / 4);
  expect([spanAfterFailure(1000), spanAfterFailure(3)]).toEqual([1000, 3]);
});

test('a span is always at least one position and at most the bound', () => {
  const anything = fc.record({
    positions: fc.integer({ min: 0, max: 10_000_000 }),
    events: fc.integer({ min: 0, max: 100_000 }),
    full: fc.boolean(),
    ms: fc.double({ min: 0, max: 60_000, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: SPAN_MAX }),
      anything,
      fc.integer({ min: 1, max: 5000 }),
      (span, last, limit) => {
        const next = nextSpan(span, last, limit);
        expect(next).toBeGreaterThanOrEqual(1);
        expect(next).toBeLessThanOrEqual(SPAN_MAX);
        expect(Number.isInteger(next)).toBe(true);
      },
    ),
  );
});
