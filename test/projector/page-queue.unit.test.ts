import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PageTurns } from '../../src/core/page-turns.ts';
import { QueuedTask } from '../../src/projector/page-queue.ts';
import { Progress } from '../../src/projector/progress.ts';
import { promised } from '../support/promised.ts';

const live = new AbortController().signal;

// Seen red with: `progress.idle()` left out of `QueuedTask.wait` (65 s), and `finally { giveBack() }` (the test never ends).
test('a projection that waits for its turn to read is not stalled, and one whose read takes long is', async () => {
  let now = 0;
  const turns = new PageTurns(1);
  const [first, second] = [promised<string>(), promised<string>()];
  const [one, other] = [new Progress(() => now), new Progress(() => now)];
  for (const progress of [one, other]) progress.running();
  const reading = new QueuedTask(turns, () => first.promise).wait(one, live);
  const waiting = new QueuedTask(turns, () => second.promise).wait(other, live);
  await setImmediate();
  now += 65_000;
  expect([one.stalledMs, other.stalledMs]).toEqual([65_000, 0]);
  first.resolve('first');
  expect(await reading).toBe('first');
  await setImmediate();
  now += 5000;
  expect(other.stalledMs).toBe(5000);
  second.resolve('second');
  expect(await waiting).toBe('second');
});

// Seen red with: `this.cancel()` left out of `QueuedTask.wait` (the second task then takes the turn and keeps it).
test('a task that is cancelled before its turn does not start, and the turn goes to the next task', async () => {
  const turns = new PageTurns(1);
  const first = promised<string>();
  const progress = new Progress(() => 0);
  const reading = new QueuedTask(turns, () => first.promise).wait(progress, live);
  const [began, stopping] = [[] as string[], new AbortController()];
  const never = async (): Promise<string> => {
    began.push('second');
    return await new Promise<string>(() => undefined);
  };
  const waiting = new QueuedTask(turns, never).wait(progress, stopping.signal);
  const third = new QueuedTask(turns, async () => 'third').wait(progress, live);
  stopping.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  first.resolve('first');
  expect(await reading).toBe('first');
  expect(await third).toBe('third');
  expect(began).toEqual([]);
});
