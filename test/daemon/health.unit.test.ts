import { expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../src/core/failure-policy.ts';
import { healthOf, stallLimit } from '../../src/daemon/health.ts';
import { Progress } from '../../src/projector/progress.ts';

function rig() {
  let ms = 1000;
  const progress = new Progress(() => ms);
  const health = () => healthOf(new Map([['band', { progress, stallMs: stallLimit(DEFAULT_POLICY) }]]), true);
  return { progress, health, wait: (more: number) => (ms += more) };
}

// Seen red with: `rests` that does nothing.
test('a projection at rest is healthy for ever: there are no events, or it is halted, paused or backing off', () => {
  const { progress, health, wait } = rig();
  wait(86_400_000);
  expect(health()).toEqual({ ok: true, stalled: [] });
  progress.running();
  wait(59_000);
  progress.idle();
  wait(86_400_000);
  expect(health()).toEqual({ ok: true, stalled: [] });
});

// Seen red with: `applied` that does not restart the time.
test('the age of a run counts from its last progress', () => {
  const { progress, health, wait } = rig();
  progress.running();
  for (const cursor of [10n, 20n, 30n]) {
    wait(50_000);
    progress.applied(10, cursor, 50_000);
  }
  wait(60_000);
  expect(health().ok).toBe(true);
  wait(1000);
  expect(health()).toEqual({ ok: false, stalled: [{ name: 'band', seconds: 61 }] });
  progress.applied(10, 40n, 61_000);
  expect(health().ok).toBe(true);
});

// Seen red with: `applied` that always begins one.
test('a page that is committed without a run begins no run', () => {
  const { progress, health, wait } = rig();
  progress.applied(10, 10n, 5);
  wait(86_400_000);
  expect(health().ok).toBe(true);
});

// Seen red with: a limit of 60 s whatever the policy says.
test('a run may take as long as its page and an answer', () => {
  expect(stallLimit(DEFAULT_POLICY)).toBe(60_000);
  expect(stallLimit({ ...DEFAULT_POLICY, pageTimeoutMs: 600_000 })).toBe(630_000);
  expect(stallLimit(DEFAULT_POLICY, { answerMs: 5000 })).toBe(35_000);
  expect(stallLimit(DEFAULT_POLICY, { answerMs: 5000, stallMs: 300 })).toBe(300);
});

test('without a supervisor nothing is well', () => {
  expect(healthOf(new Map(), false)).toEqual({ ok: false, stalled: [] });
});
