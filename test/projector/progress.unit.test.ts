import { expect, test } from 'vitest';
import { Progress } from '../../src/projector/progress.ts';

function progress() {
  let now = 1000;
  const made = new Progress(() => now);
  return { made, pass: (ms: number) => (now += ms) };
}

test('nothing moved: no rate', () => {
  const { made, pass } = progress();
  expect(made.ratePerSecond).toBe(0);
  made.loaded(5n, 2n);
  pass(10_000);
  expect(made.ratePerSecond).toBe(0);
  expect(made.generation).toBe(2n);
});

// Seen red with: the rate taken of events in place of positions (it would not divide the lag).
test('the rate is in positions per second, from the first page on', () => {
  const { made, pass } = progress();
  made.loaded(0n, 1n);
  pass(500);
  made.applied(10, 1000n, 500);
  expect(made.ratePerSecond).toBe(2000);
  expect(made.events).toBe(10);
});

// Seen red with: weight 1 (one slow page stood for all of them).
test('a single page that is slower or quicker only bends the rate', () => {
  const { made, pass } = progress();
  made.loaded(0n, 1n);
  let cursor = 0n;
  for (let page = 0; page < 100; page++) {
    pass(100);
    cursor += 100n;
    made.applied(100, cursor, 100);
  }
  expect(made.ratePerSecond).toBe(1000);
  pass(1000);
  cursor += 100n;
  made.applied(100, cursor, 1000);
  expect(made.ratePerSecond).toBeGreaterThan(800);
  expect(made.ratePerSecond).toBeLessThan(1000);
  for (let page = 0; page < 300; page++) {
    pass(100);
    cursor += 500n;
    made.applied(100, cursor, 100);
  }
  expect(made.ratePerSecond).toBeGreaterThan(4900);
  expect(made.ratePerSecond).toBeLessThanOrEqual(5000);
});

// Seen red with: `Math.exp(-silent / 5)` left out.
test('while nothing moves the rate falls to 0, after a second of grace', () => {
  const { made, pass } = progress();
  made.loaded(0n, 1n);
  pass(100);
  made.applied(100, 100n, 100);
  pass(900);
  expect(made.ratePerSecond).toBe(1000);
  pass(5100);
  expect(made.ratePerSecond).toBe(368);
  pass(60_000);
  expect(made.ratePerSecond).toBe(0);
});

// Seen red with: place without `this.#cursor = cursor` (going back counted as a movement of a million, backwards).
test('going back to the beginning is not a movement', () => {
  const { made, pass } = progress();
  made.loaded(0n, 1n);
  pass(1000);
  made.applied(1000, 1_000_000n, 1000);
  made.loaded(0n, 2n);
  pass(1000);
  made.applied(1000, 1000n, 1000);
  // A fifth of the way down from a million per second to a thousand.
  expect(made.ratePerSecond).toBe(818_912);
  expect(made.generation).toBe(2n);
});

test('a page in no time at all is a rate, not infinity', () => {
  const { made } = progress();
  made.loaded(0n, 1n);
  made.applied(1, 1n, 0);
  expect(made.ratePerSecond).toBe(1000);
});

test('the rate counts from where the row was found', () => {
  const { made, pass } = progress();
  pass(10_000);
  made.loaded(100n, 1n);
  pass(500);
  made.applied(10, 1100n, 500);
  expect(made.ratePerSecond).toBe(2000);
});

test('a page counts among those run in order unless it is said to be applied otherwise', () => {
  const { made } = progress();
  made.applied(1, 1n, 500);
  made.applied(2, 3n, 250, 'folded');
  expect(made.pages.metrics().pages).toEqual({
    folded: { count: 1, seconds: 0.25 },
    in_order: { count: 1, seconds: 0.5 },
    at_once: { count: 0, seconds: 0 },
  });
  expect(made.events).toBe(3);
});

test('a pull is as long under way as it has got nowhere, and one that has ended not at all', () => {
  const { made, pass } = progress();
  pass(100);
  expect(made.stalledMs).toBe(0);
  made.running();
  pass(100);
  expect(made.stalledMs).toBe(100);
  made.applied(1, 1n, 100);
  expect(made.stalledMs).toBe(0);
  pass(50);
  expect(made.stalledMs).toBe(50);
  made.idle();
  made.applied(1, 2n, 1);
  pass(50);
  expect(made.stalledMs).toBe(0);
});

test('the latency of a row is measured on the wall clock, which events have their time from', () => {
  const observed: number[] = [];
  const made = new Progress(
    () => 0,
    null,
    (seconds) => observed.push(seconds),
  );
  made.latency.wentLive();
  made.latency.visible(new Date(Date.now() + 1).toISOString());
  expect(observed).toHaveLength(1);
});
