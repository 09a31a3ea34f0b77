import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { atMost, orLate } from '../../src/core/deadline.ts';
import { isTimeout, untilAborted } from '../../src/core/signals.ts';

const never = () => new Promise<never>(() => undefined);
const abortOf = (controller: AbortController) => getEventListeners(controller.signal, 'abort').length;

test('work ends with the first of its signals, and with that one’s reason', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = orLate(never(), { signals: [first.signal, undefined, second.signal], ms: 60_000 });
  second.abort(new Error('the second'));
  await expect(waiting).rejects.toThrow('the second');
});

// Seen red with: a listener for each wait in `onAbort`.
test('a hundred who wait for one signal put one listener on it, and all of them hear it', async () => {
  const processLong = new AbortController();
  const waiting = Array.from({ length: 100 }, () => orLate(never(), { signals: [processLong.signal] }));
  expect(abortOf(processLong)).toBe(1);
  processLong.abort(new Error('the end'));
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(100);
});

test('work ends when its time is up, and says that it was the time', async () => {
  const late = orLate(never(), { signals: [], ms: 5 });
  await expect(late).rejects.toSatisfy(isTimeout);
});

test('work that begins with an aborted signal receives an aborted signal', async () => {
  const reason = new Error('before');
  const seen = await untilAborted({ signals: [AbortSignal.abort(reason)] }, async (signal) => signal.reason);
  expect(seen).toBe(reason);
});

// Seen red with: the loop that frees left out of `untilAborted`.
test('a signal that lives as long as the process keeps nothing of ten thousand waits', async () => {
  const processLong = new AbortController();
  for (let wait = 0; wait < 10_000; wait += 1) {
    const until = { signals: [processLong.signal], ms: 60_000 };
    if (wait % 2 === 0) await untilAborted(until, async () => 'done');
    else await untilAborted(until, () => Promise.reject(new Error('failed'))).catch(() => undefined);
  }
  await atMost(60_000, Promise.resolve());
  expect(abortOf(processLong)).toBe(0);
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  expect(timers.length).toBeLessThan(10);
});
