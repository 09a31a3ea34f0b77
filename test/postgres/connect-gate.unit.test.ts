import { expect, test } from 'vitest';
import { ConnectGate } from '../../src/postgres/connect-gate.ts';
import { promised } from '../support/promised.ts';

const REFUSED = new Error('refused');

/** A gate with a clock that the test moves, and the longest jitter. */
function gateAt(clock: { now: number }): ConnectGate {
  return new ConnectGate({ now: () => clock.now, random: () => 0.999 });
}

// Seen red with: the first line of `pass` left out.
test('while a database is unreachable, any number of callers make only a few attempts a second', async () => {
  const clock = { now: 0 };
  const gate = gateAt(clock);
  const attempts: number[] = [];
  const refused = () => {
    attempts.push(clock.now);
    return Promise.reject(REFUSED);
  };
  const projections = Array.from({ length: 20 });
  for (; clock.now < 20_000; clock.now += 20) {
    const outcomes = await Promise.allSettled(projections.map(() => gate.pass(refused)));
    expect(outcomes.every((one) => one.status === 'rejected' && one.reason === REFUSED)).toBe(true);
  }
  expect(attempts.filter((at) => at < 1000).length).toBeLessThanOrEqual(20 + 6);
  expect(attempts.filter((at) => at >= 19_000).length).toBeLessThanOrEqual(2);
  expect(attempts.at(-1)).toBeGreaterThan(19_000);
});

// Seen red with: `#trying` never set.
test('after a failure one attempt is made at a time, also if that one hangs', async () => {
  const clock = { now: 0 };
  const gate = gateAt(clock);
  await expect(gate.pass(() => Promise.reject(REFUSED))).rejects.toBe(REFUSED);
  clock.now = 1000;
  const hanging = promised<string>();
  const first = gate.pass(() => hanging.promise);
  await expect(gate.pass(() => Promise.resolve('second'))).rejects.toBe(REFUSED);
  hanging.resolve('first');
  expect(await first).toBe('first');
});

// Seen red with: `#failures` not put back to 0.
test('once an attempt has succeeded, every caller connects', async () => {
  const clock = { now: 0 };
  const gate = gateAt(clock);
  await expect(gate.pass(() => Promise.reject(REFUSED))).rejects.toBe(REFUSED);
  clock.now = 1000;
  await gate.pass(() => Promise.resolve());
  expect(await Promise.all([1, 2, 3].map((n) => gate.pass(() => Promise.resolve(n))))).toEqual([1, 2, 3]);
});
