import { expect, test } from 'vitest';
import { Progress } from '../../src/projector/progress.ts';

function progress() {
  let now = 1000;
  const made = new Progress(() => now);
  return { made, pass: (ms: number) => (now += ms) };
}

test('the rate is 0 before the first move', () => {
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

// Seen red with: weight 1 (one slow page determined the rate).
test('a single slower or quicker page changes the rate only a little', () => {
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
test('without moves the rate falls to 0, after a grace period of a second', () => {
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

// Seen red with: loaded without `this.#cursor = cursor` (a reset counted as a move of a million positions back).
test('a reset to the first position does not count as a move', () => {
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

test('a page that takes no measurable time gives a finite rate', () => {
  const { made } = progress();
  made.loaded(0n, 1n);
  made.applied(1, 1n, 0);
  expect(made.ratePerSecond).toBe(1000);
});

test('the rate counts from the cursor of the loaded row', () => {
  const { made, pass } = progress();
  pass(10_000);
  made.loaded(100n, 1n);
  pass(500);
  made.applied(10, 1100n, 500);
  expect(made.ratePerSecond).toBe(2000);
});

test('a page without a mode counts as run in order', () => {
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

test('a run is stalled for the time without progress, and a run that has ended is not stalled', () => {
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

test('the latency is measured with the wall clock, from which events have their times', () => {
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
