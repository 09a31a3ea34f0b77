import { NEVER, VirtualTimeScheduler } from 'rxjs';
import { expect, test } from 'vitest';
import { type PollResult, wakeups } from '../../src/feed/wakeups.ts';

/** A store whose answers the test sets; time is simulated, promises settle between its steps. */
function watch() {
  const store = { head: 5n, lastAllocated: 5n, open: false, epoch: 0, broken: false };
  const scheduler = new VirtualTimeScheduler();
  const polls: PollResult[] = [];
  const answer = <T>(value: () => T): Promise<T> =>
    store.broken ? Promise.reject(new Error('connection lost')) : Promise.resolve(value());
  const subscription = wakeups({
    notify$: NEVER,
    requeueEveryMs: 60_000,
    heartbeatMs: 1000,
    lastAllocated: () => answer(() => store.lastAllocated),
    poll: () => answer(() => ({ position: store.head, lastAllocated: store.lastAllocated, open: store.open })),
    epoch: () => store.epoch,
    onDatabaseError: () => undefined,
    scheduler,
  }).subscribe((poll) => polls.push(poll));
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const pass = async (ms: number): Promise<void> => {
    const end = scheduler.frame + ms;
    while (scheduler.frame < end) {
      scheduler.maxFrames = Math.min(end, scheduler.frame + 100);
      scheduler.flush();
      scheduler.frame = scheduler.maxFrames;
      await settle();
    }
  };
  return { store, polls, pass, end: () => subscription.unsubscribe() };
}

// Seen red with: `lastAllocated = null` removed from the failed poll.
test('what a failed poll would have found is found by the next heartbeat', async () => {
  const { store, polls, pass, end } = watch();
  await pass(500);
  store.open = true;
  store.lastAllocated = 6n;
  await pass(1000);
  store.broken = true;
  await pass(3000);
  // The appender has committed, and no further position was allocated: only a poll shows it.
  store.broken = false;
  store.open = false;
  store.head = 6n;
  const before = polls.length;
  await pass(2000);
  expect(polls.slice(before).map(({ head }) => head)).toEqual([6n]);
  end();
});

// Seen red with: the epoch left out of the heartbeat's filter; of the filter of polls.
test('after a loss every projection is woken, although the high-water mark is the same or lower', async () => {
  const { store, polls, pass, end } = watch();
  await pass(1500);
  const before = polls.length;
  store.epoch += 1;
  await pass(1500);
  expect(polls.slice(before)).toMatchObject([{ head: 5n, again: true }]);
  store.epoch += 1;
  store.head = 3n;
  store.lastAllocated = 3n;
  await pass(3000);
  expect(polls.slice(before + 1)).toMatchObject([{ head: 3n, again: true }]);
  end();
});
