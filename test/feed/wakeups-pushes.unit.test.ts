import { map, NEVER, type Observable } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { WakeupMetrics } from '../../src/feed/wakeup-metrics.ts';
import { type PollResult, type WakeupSources, wakeups } from '../../src/feed/wakeups.ts';

/** The real feed over a store that the marbles change; the schedule is far away by default. */
function feed(
  helpers: RunHelpers,
  scheduler: TestScheduler,
  options: Partial<Pick<WakeupSources, 'notify$' | 'push$' | 'requeueEveryMs' | 'heartbeatMs'>>,
  answer = '-(s|)',
) {
  const store = { head: 0, lastAllocated: 0, open: false, answer };
  const polls: number[] = [];
  const glances: number[] = [];
  const metrics = new WakeupMetrics();
  const looks$ = wakeups({
    notify$: NEVER,
    requeueEveryMs: 100_000,
    heartbeatMs: 100_000,
    ...options,
    poll: () => {
      polls.push(scheduler.now());
      return helpers.cold(store.answer, {
        s: { position: BigInt(store.head), lastAllocated: BigInt(store.lastAllocated), open: store.open },
      });
    },
    lastAllocated: () => {
      glances.push(scheduler.now());
      return helpers.cold(store.answer, { s: BigInt(store.lastAllocated) });
    },
    onDatabaseError: () => undefined,
    scheduler,
  });
  const told: Observable<string> = looks$.pipe(
    map((poll: PollResult) => {
      metrics.polled(poll);
      return `${poll.source} ${poll.from}>${poll.head}`;
    }),
  );
  const set = (at: number, changes: Partial<typeof store>): void => {
    scheduler.schedule(() => Object.assign(store, changes), at);
  };
  return { polls, glances, metrics, told, set };
}

function marbles(run: (helpers: RunHelpers, scheduler: TestScheduler) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => run(helpers, scheduler));
}

const START = 'schedule 0>0';

// Seen red with: `leading: false` (3 ms late); push$ left out of the merge.
test('a push polls at once and reads the sequence 4, 16 and 64 ms later, since it may come before the append', () => {
  marbles((helpers, scheduler) => {
    const { told, polls, glances, set } = feed(helpers, scheduler, { push$: helpers.hot('10ms p') });
    set(20, { head: 1, lastAllocated: 1 });
    helpers.expectObservable(told, '^ 500ms !').toBe('-s 26ms a', { s: START, a: 'again 0>1' });
    helpers.flush();
    expect(polls).toEqual([0, 10, 27]);
    expect(glances).toEqual([14, 26, 74]);
  });
});

// Seen red with: throttleTime left out (a poll for each).
test('a burst of pushes is one poll, and one more for the pushes during it', () => {
  marbles((helpers, scheduler) => {
    const { told, polls, glances, set } = feed(helpers, scheduler, { push$: helpers.hot('10ms (pppppppppp)') });
    set(5, { head: 10, lastAllocated: 10 });
    helpers.expectObservable(told, '^ 500ms !').toBe('-s 9ms p', { s: START, p: 'push 0>10' });
    helpers.flush();
    // Of ten, the first at once and the others together 3 ms later; then the sequence 4, 16 and 64 ms after those.
    expect(polls).toEqual([0, 10, 13]);
    expect(glances).toEqual([17, 29, 77]);
  });
});

// Seen red with: `trailing: false` (the last of a flood had to wait for the heartbeat).
test('a flood is a poll every 3 ms, however many pushes it has, and its last push causes a poll', () => {
  marbles((helpers, scheduler) => {
    const flood = Array.from({ length: 401 }, () => 'p').join('');
    const { told, polls, set } = feed(helpers, scheduler, { push$: helpers.hot(`10ms ${flood}`) });
    set(410, { head: 7, lastAllocated: 7 });
    helpers.expectObservable(told, '^ 1000ms !').toBe('-s 411ms p', { s: START, p: 'push 0>7' });
    helpers.flush();
    expect(polls.filter((at) => at >= 10 && at <= 412).length).toBe(135);
  });
});

// Seen red with: mergeMap in place of switchMap (the sequence checks of each).
test('a push and a NOTIFY of the same append are one poll, which counts for the first', () => {
  marbles((helpers, scheduler) => {
    const options = { push$: helpers.hot('10ms p'), notify$: helpers.hot('10ms -n') };
    const { told, polls, glances, set, metrics } = feed(helpers, scheduler, options);
    set(5, { head: 3, lastAllocated: 3 });
    helpers.expectObservable(told, '^ 500ms !').toBe('-s 9ms p', { s: START, p: 'push 0>3' });
    helpers.flush();
    expect(polls).toEqual([0, 10, 11]);
    expect(glances).toEqual([15, 27, 75]);
    expect(metrics.metrics(3n)).toMatchObject({ announced: 3, missed: 0, missedRate: 0 });
  });
});

// Seen red with: PRECEDENCE of push 0 (the poll counted for the heartbeat, which comes while the poll waits).
test('a poll after a push does not count for a heartbeat that comes while the poll waits', () => {
  marbles((helpers, scheduler) => {
    const options = { push$: helpers.hot('15ms p'), heartbeatMs: 20 };
    // The first poll is slow; the push and two heartbeats wait for it.
    const { told, set, metrics } = feed(helpers, scheduler, options, '50ms (s|)');
    set(10, { head: 3, lastAllocated: 3, answer: '-(s|)' });
    helpers.expectObservable(told, '^ 60ms !').toBe('50ms s p', { s: START, p: 'push 0>3' });
    helpers.flush();
    expect(metrics.metrics(3n)).toMatchObject({ announced: 3, missed: 0 });
  });
});

// Seen red with: heartbeats$ left out of the merge.
test('while the broker is away events are found by the heartbeat, and counted as missed', () => {
  marbles((helpers, scheduler) => {
    const { told, set, metrics } = feed(helpers, scheduler, { push$: helpers.hot('10ms p'), heartbeatMs: 20 });
    set(9, { head: 2, lastAllocated: 2 });
    set(105, { head: 5, lastAllocated: 5 });
    helpers
      .expectObservable(told, '^ 190ms !')
      .toBe('-s 9ms p 110ms h', { s: START, p: 'push 0>2', h: 'heartbeat 2>5' });
    helpers.flush();
    expect(metrics.metrics(5n)).toMatchObject({ announced: 2, missed: 3, missedRate: 0.6 });
    expect(metrics.metrics(5n).wakeups).toEqual({ schedule: 1, notify: 0, push: 1, again: 0, heartbeat: 1 });
  });
});

// Seen red with: whileOpen$ left out of the merge.
test('F5: after a push before its commit the store is polled until the event is visible', () => {
  marbles((helpers, scheduler) => {
    const { told, polls, set } = feed(helpers, scheduler, { push$: helpers.hot('10ms p') });
    set(5, { lastAllocated: 4, open: true });
    set(510, { head: 4, open: false });
    helpers.expectObservable(told, '^ 2000ms !').toBe('-s 704ms a', { s: START, a: 'again 0>4' });
    helpers.flush();
    expect(polls.length).toBeLessThan(20);
  });
});

test('a silent broker wakes no projection', () => {
  marbles((helpers, scheduler) => {
    const { told, polls } = feed(helpers, scheduler, { push$: NEVER, heartbeatMs: 20 });
    helpers.expectObservable(told, '^ 109ms !').toBe('-s', { s: START });
    helpers.flush();
    expect(polls).toEqual([0]);
  });
});
