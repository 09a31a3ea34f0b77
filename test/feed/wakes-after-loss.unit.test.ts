import { NEVER, VirtualTimeScheduler } from 'rxjs';
import { expect, test } from 'vitest';
import { type Look, wakes } from '../../src/feed/wakeups.ts';

/** A store whose answers a test sets; time is simulated, promises settle between its steps. */
function watch() {
  const store = { head: 5n, drawn: 5n, open: false, epoch: 0, broken: false };
  const scheduler = new VirtualTimeScheduler();
  const looks: Look[] = [];
  const answer = <T>(value: () => T): Promise<T> =>
    store.broken ? Promise.reject(new Error('connection lost')) : Promise.resolve(value());
  const subscription = wakes({
    notify$: NEVER,
    requeueEveryMs: 60_000,
    heartbeatMs: 1000,
    drawn: () => answer(() => store.drawn),
    look: () => answer(() => ({ position: store.head, drawn: store.drawn, open: store.open })),
    epoch: () => store.epoch,
    onTrouble: () => undefined,
    scheduler,
  }).subscribe((look) => looks.push(look));
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
  return { store, looks, pass, end: () => subscription.unsubscribe() };
}

// Seen red with: `drawn = null` removed from the failed look.
test('what a failed look would have found is found by the next heartbeat', async () => {
  const { store, looks, pass, end } = watch();
  await pass(500);
  store.open = true;
  store.drawn = 6n;
  await pass(1000);
  store.broken = true;
  await pass(3000);
  // The appender has committed, nothing more is drawn: only a look can tell.
  store.broken = false;
  store.open = false;
  store.head = 6n;
  const before = looks.length;
  await pass(2000);
  expect(looks.slice(before).map(({ head }) => head)).toEqual([6n]);
  end();
});

// Seen red with: the epoch left out of the heartbeat's filter; of the filter of looks.
test('after a loss everything is woken, though the head stands where it stood or lower', async () => {
  const { store, looks, pass, end } = watch();
  await pass(1500);
  const before = looks.length;
  store.epoch += 1;
  await pass(1500);
  expect(looks.slice(before)).toMatchObject([{ head: 5n, again: true }]);
  store.epoch += 1;
  store.head = 3n;
  store.drawn = 3n;
  await pass(3000);
  expect(looks.slice(before + 1)).toMatchObject([{ head: 3n, again: true }]);
  end();
});
