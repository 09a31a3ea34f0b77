import { expect, test } from 'vitest';
import { FlushPacer } from '../../src/daemon/checkpoint-flush.ts';

/** The seconds of a minute in which so many rows are stored. */
function flushes(rows: number, { wantedAt = 0, failsAt = 0 } = {}): readonly number[] {
  const pacer = new FlushPacer();
  return Array.from({ length: 60 }, (_, index) => index + 1).filter((second) => {
    if (!pacer.isDue(rows, second === wantedAt)) return false;
    if (second !== failsAt) pacer.flushed();
    return true;
  });
}

// Seen red with: ROWS_PER_SECOND = 2000, LONGEST_MS = 60_000, `#ms = 0` at first.
test.each([
  [1, 60, 1],
  [200, 60, 1],
  [600, 20, 3],
  [1000, 12, 5],
  [2000, 6, 10],
  [100_000, 6, 10],
])('%i checkpoints are stored %i times a minute, the first time at once', (rows, times, everySeconds) => {
  expect(flushes(rows)).toEqual(Array.from({ length: times }, (_, index) => 1 + index * everySeconds));
});

// Seen red with: `wanted ||` left out.
test('checkpoints that another projection waits for are stored within a second, however many there are', () => {
  expect(flushes(1000, { wantedAt: 8 }).slice(0, 4)).toEqual([1, 6, 8, 13]);
});

test('a flush that failed is tried again a second later', () => {
  expect(flushes(1000, { failsAt: 6 }).slice(0, 4)).toEqual([1, 6, 7, 12]);
});

test('nothing is stored if nothing was passed over', () => {
  expect(flushes(0)).toEqual([]);
  expect(flushes(0, { wantedAt: 8 })).toEqual([]);
});
