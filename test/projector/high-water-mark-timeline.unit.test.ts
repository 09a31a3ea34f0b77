import { expect, test } from 'vitest';
import { HighWaterMarkTimeline } from '../../src/projector/high-water-mark-timeline.ts';

function timeline() {
  const clock = { ms: 0 };
  return { clock, line: new HighWaterMarkTimeline(() => clock.ms) };
}

// Seen red with: the last entry in place of the first one above the cursor; `>=` in the comparison.
test('the age of an event counts from when the high-water mark first rose above the cursor', () => {
  const { clock, line } = timeline();
  expect(line.secondsAbove(0n, 0)).toBeNull();
  line.note(10n);
  clock.ms = 4000;
  line.note(20n);
  clock.ms = 5000;
  line.note(20n);
  clock.ms = 9000;
  expect([0n, 9n, 10n, 19n].map((cursor) => line.secondsAbove(cursor, 0))).toEqual([9, 9, 5, 5]);
  expect(line.secondsAbove(20n, 0)).toBeNull();
});

// Seen red with: `notBefore` ignored (after three days of the daemon, a reset projection would be three days behind).
test('after a reset the age counts from the reset', () => {
  const { clock, line } = timeline();
  line.note(10n);
  clock.ms = 86_400_000;
  expect(line.secondsAbove(0n, 86_399_000)).toBe(1);
});

// Seen red with: the entries above the new mark kept.
test('positions that a crash took back leave the timeline', () => {
  const { clock, line } = timeline();
  line.note(10n);
  clock.ms = 1000;
  line.note(15n);
  clock.ms = 2000;
  line.note(12n);
  clock.ms = 3000;
  expect(line.secondsAbove(11n, 0)).toBe(1);
  expect(line.secondsAbove(12n, 0)).toBeNull();
});

// Seen red with: the older half dropped (the age is too short); nothing dropped (memory grows without end).
test('a month of appends takes bounded memory, and the age of old events is a little too long and never too short', () => {
  const { clock, line } = timeline();
  for (let at = 0; at < 100_000; at++) {
    clock.ms = at * 1000;
    line.note(BigInt(at + 1));
  }
  for (const cursor of [0n, 1n, 1000n, 50_000n, 99_000n, 99_900n]) {
    const exact = (clock.ms - Number(cursor) * 1000) / 1000;
    const said = line.secondsAbove(cursor, 0) ?? 0;
    expect(said).toBeGreaterThanOrEqual(exact);
    expect(said).toBeLessThanOrEqual(exact * 2 + 1);
  }
  expect(line.size).toBeLessThanOrEqual(512);
});
