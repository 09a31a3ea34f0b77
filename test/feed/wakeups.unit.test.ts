import { filter, map, NEVER, type Observable } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { type Seen, type WakeupSources, wakeups } from '../../src/feed/wakeups.ts';

/** A store that the marbles change while the feed polls it. */
interface Store {
  head: number;
  lastAllocated: number;
  open: boolean;
  /** How long a poll takes, and how it ends: `-(s|)`, `-#`. */
  answer: string;
}

interface Feed {
  readonly store: Store;
  /** Milliseconds at which the store was polled. */
  readonly polls: number[];
  readonly beats: number[];
  readonly databaseError: unknown[];
  /** Milliseconds at which a poll succeeded. */
  readonly answers: number[];
  /** Emits `source from>head`. */
  readonly wakes$: Observable<string>;
}

function marbles(run: (helpers: RunHelpers, scheduler: TestScheduler) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => run(helpers, scheduler));
}

/** The real feed over that store; the schedule and the heartbeat are far apart by default. */
function feed(
  helpers: RunHelpers,
  scheduler: TestScheduler,
  options: Partial<Pick<WakeupSources, 'notify$' | 'requeueEveryMs' | 'heartbeatMs'>> = {},
): Feed {
  const store: Store = { head: 0, lastAllocated: 0, open: false, answer: '-(s|)' };
  const polls: number[] = [];
  const beats: number[] = [];
  const databaseError: unknown[] = [];
  const answers: number[] = [];
  const wakes$ = wakeups({
    notify$: NEVER,
    requeueEveryMs: 100_000,
    heartbeatMs: 100_000,
    ...options,
    poll: () => {
      polls.push(scheduler.now());
      const seen: Seen = { position: BigInt(store.head), lastAllocated: BigInt(store.lastAllocated), open: store.open };
      return helpers.cold(store.answer, { s: seen });
    },
    lastAllocated: () => {
      beats.push(scheduler.now());
      return helpers.cold(store.answer, { s: BigInt(store.lastAllocated) });
    },
    onDatabaseError: (error) => databaseError.push(error),
    onAnswer: () => answers.push(scheduler.now()),
    scheduler,
  }).pipe(map(({ source, from, head }) => `${source} ${from}>${head}`));
  return { store, polls, beats, databaseError, answers, wakes$ };
}

// Seen red with: `timer(requeueEveryMs, …)`, and the filter without `|| poll.source === 'schedule'`.
test('the schedule polls at once and then regularly, and is emitted although the high-water mark is the same', () => {
  marbles((helpers, scheduler) => {
    const { wakes$ } = feed(helpers, scheduler, { requeueEveryMs: 50 });
    helpers.expectObservable(wakes$, '^ 120ms !').toBe('-s 49ms s 49ms s', { s: 'schedule 0>0' });
  });
});

// Seen red with: POLL_AGAIN_MS emptied; `merge` of the sequence checks after a NOTIFY made `concat` (they came after 4, 20, 84 ms).
test('a NOTIFY polls at once and reads the sequence 4, 16 and 64 ms later, since it can stand for several appends', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, polls, beats, store } = feed(helpers, scheduler, { notify$: helpers.hot<void>('10ms n') });
    scheduler.schedule(() => Object.assign(store, { head: 1, lastAllocated: 1 }), 9);
    scheduler.schedule(() => Object.assign(store, { head: 2, lastAllocated: 2 }), 20);
    helpers
      .expectObservable(wakes$, '^ 500ms !')
      .toBe('-s 9ms a 16ms b', { s: 'schedule 0>0', a: 'notify 0>1', b: 'again 1>2' });
    helpers.flush();
    expect(polls).toEqual([0, 10, 27]);
    expect(beats).toEqual([14, 26, 74]);
  });
});

// Seen red with: mergeMap in place of switchMap (the polls of every NOTIFY), mergeMap in place of conflateMap (at the same time).
test('a burst of NOTIFYs is one poll, and one more for those that came during it', () => {
  marbles((helpers, scheduler) => {
    const burst$ = helpers.hot<void>('10ms (nnnnnnnnnn)');
    const { wakes$, polls, store } = feed(helpers, scheduler, { notify$: burst$ });
    store.answer = '-----(s|)';
    scheduler.schedule(() => Object.assign(store, { head: 9, lastAllocated: 9 }), 8);
    helpers.expectObservable(wakes$, '^ 500ms !').toBe('-----s 9ms a', { s: 'schedule 0>0', a: 'notify 0>9' });
    helpers.flush();
    expect(polls).toEqual([0, 10, 15]);
  });
});

// Seen red with: `sources.heartbeat` in place of `sources.lastAllocated` after wakeups.
test('what a heartbeat reads beside the sequence is not read after a NOTIFY', () => {
  marbles((helpers, scheduler) => {
    const read: string[] = [];
    const answer = (what: string) => () => {
      read.push(`${what} ${scheduler.now()}`);
      return helpers.cold('-(s|)', { s: 1n });
    };
    const wakes$ = wakeups({
      notify$: helpers.hot<void>('10ms n'),
      requeueEveryMs: 100_000,
      heartbeatMs: 100,
      poll: () => helpers.cold('-(s|)', { s: { position: 1n, lastAllocated: 1n, open: false } }),
      lastAllocated: answer('drawn'),
      heartbeat: answer('heartbeat'),
      onDatabaseError: () => undefined,
      scheduler,
    });
    helpers.expectObservable(wakes$.pipe(filter(() => false)), '^ 250ms !').toBe('');
    helpers.flush();
    expect(read).toEqual(['drawn 14', 'drawn 26', 'drawn 74', 'heartbeat 100', 'heartbeat 200']);
  });
});

// Seen red with: `filter((seen) => seen !== lastAllocated)` left out.
test('without appends each heartbeat costs one cheap statement, and no projection is woken', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, polls, beats } = feed(helpers, scheduler, { heartbeatMs: 20 });
    helpers.expectObservable(wakes$, '^ 109ms !').toBe('-s', { s: 'schedule 0>0' });
    helpers.flush();
    expect(polls).toEqual([0]);
    expect(beats).toEqual([20, 40, 60, 80, 100]);
  });
});

// Seen red with: heartbeats$ left out of the merge.
test('the heartbeat finds an event without a wakeup, and the poll counts for it', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, polls, store } = feed(helpers, scheduler, { heartbeatMs: 20 });
    scheduler.schedule(() => Object.assign(store, { head: 3, lastAllocated: 3 }), 25);
    helpers.expectObservable(wakes$, '^ 109ms !').toBe('-s 40ms h', { s: 'schedule 0>0', h: 'heartbeat 0>3' });
    helpers.flush();
    expect(polls).toEqual([0, 41]);
  });
});

// Seen red with: PRECEDENCE of notify below the heartbeat's.
test('a poll after a NOTIFY does not count for a heartbeat that comes while the poll waits', () => {
  marbles((helpers, scheduler) => {
    const options = { notify$: helpers.hot<void>('15ms n'), heartbeatMs: 20 };
    const { wakes$, store } = feed(helpers, scheduler, options);
    // The first poll is slow; NOTIFY, heartbeat and the sequence check after 4 ms wait for it.
    store.answer = '40ms (s|)';
    scheduler.schedule(() => Object.assign(store, { head: 3, lastAllocated: 3, answer: '-(s|)' }), 10);
    helpers.expectObservable(wakes$, '^ 60ms !').toBe('40ms s a', { s: 'schedule 0>0', a: 'notify 0>3' });
  });
});

// Seen red with: whileOpen$ left out of the merge; `openFor + 1` made 1 (every 2 ms).
test('the store is polled again, less and less often, until the open appender has ended', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, polls, store } = feed(helpers, scheduler);
    Object.assign(store, { lastAllocated: 4, open: true });
    scheduler.schedule(() => Object.assign(store, { head: 4, open: false }), 700);
    helpers.expectObservable(wakes$, '^ 3000ms !').toBe('-s 945ms a', { s: 'schedule 0>0', a: 'again 0>4' });
    helpers.flush();
    // 2, 5, 10, 20, 50, 100, 250 and 250 ms after the poll before, which takes 1 ms.
    expect(polls).toEqual([0, 3, 9, 20, 41, 92, 193, 444, 695, 946]);
  });
});

// Seen red with: `again$.next` only while an appender is open (one more poll, at 444).
test('a wakeup while an appender is open polls at once, and ends the repeated polls if the appender has ended', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, polls, store } = feed(helpers, scheduler, { notify$: helpers.hot<void>('300ms n') });
    Object.assign(store, { lastAllocated: 4, open: true });
    scheduler.schedule(() => Object.assign(store, { head: 4, open: false }), 290);
    helpers.expectObservable(wakes$, '^ 1000ms !').toBe('-s 299ms n', { s: 'schedule 0>0', n: 'notify 0>4' });
    helpers.flush();
    expect(polls.slice(-2)).toEqual([193, 300]);
  });
});

// Seen red with: pollOnce without its catchError.
test('a failed poll is reported, the stream goes on, and the next wakeup polls again', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, databaseError, store } = feed(helpers, scheduler, { notify$: helpers.hot<void>('10ms n') });
    Object.assign(store, { head: 5, lastAllocated: 5, answer: '-#' });
    scheduler.schedule(() => Object.assign(store, { answer: '-(s|)' }), 5);
    helpers.expectObservable(wakes$, '^ 500ms !').toBe('11ms a', { a: 'notify 0>5' });
    helpers.flush();
    expect(databaseError).toEqual(['error']);
  });
});

// Seen red with: heartbeats$ without its catchError.
test('a failed heartbeat is reported, and the next one works', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, databaseError, store } = feed(helpers, scheduler, { heartbeatMs: 20 });
    scheduler.schedule(() => Object.assign(store, { head: 5, lastAllocated: 5, answer: '-#' }), 10);
    scheduler.schedule(() => Object.assign(store, { answer: '-(s|)' }), 30);
    helpers.expectObservable(wakes$, '^ 70ms !').toBe('-s 40ms h', { s: 'schedule 0>0', h: 'heartbeat 0>5' });
    helpers.flush();
    expect(databaseError).toEqual(['error']);
  });
});

// Seen red with: `lastAllocated = null` only after a poll that failed (the database then counted as away until the next scheduled poll).
test('the heartbeat after a failed one polls, so that the database counts as available again', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, databaseError, answers, store } = feed(helpers, scheduler, { heartbeatMs: 20 });
    scheduler.schedule(() => Object.assign(store, { answer: '-#' }), 10);
    scheduler.schedule(() => Object.assign(store, { answer: '-(s|)' }), 30);
    helpers.expectObservable(wakes$, '^ 109ms !').toBe('-s', { s: 'schedule 0>0' });
    helpers.flush();
    expect(databaseError).toEqual(['error']);
    expect(answers).toEqual([1, 42]);
  });
});

// Seen red with: `lastAllocated = null` left out after a failed poll (the event waited for the next scheduled poll).
test('when a poll for an open appender fails, the next heartbeat polls, although no position was allocated', () => {
  marbles((helpers, scheduler) => {
    const { wakes$, store } = feed(helpers, scheduler, { heartbeatMs: 20 });
    Object.assign(store, { lastAllocated: 4, open: true });
    scheduler.schedule(() => Object.assign(store, { answer: '-#' }), 2);
    scheduler.schedule(() => Object.assign(store, { head: 4, open: false, answer: '-(s|)' }), 5);
    helpers.expectObservable(wakes$, '^ 100ms !').toBe('-s 20ms h', { s: 'schedule 0>0', h: 'heartbeat 0>4' });
  });
});

// Seen red with: combine left out (the NOTIFY took the schedule's place).
test('a scheduled poll is never replaced by other wakeups', () => {
  marbles((helpers, scheduler) => {
    const options = { notify$: helpers.hot<void>('45ms n 9ms n'), requeueEveryMs: 50 };
    const { wakes$, store } = feed(helpers, scheduler, options);
    scheduler.schedule(() => Object.assign(store, { answer: '20ms (s|)' }), 40);
    // Polls at 45 for the NOTIFY; the scheduled one of 50 waits until 65, and the NOTIFY of 55 joins it.
    helpers.expectObservable(wakes$, '^ 90ms !').toBe('-s 83ms s', { s: 'schedule 0>0' });
  });
});

test('unsubscribing stops the poll, every timer, and the subscription to NOTIFY', () => {
  marbles((helpers, scheduler) => {
    const notify$ = helpers.hot<void>('--n');
    const { wakes$, polls, beats, store } = feed(helpers, scheduler, { notify$, requeueEveryMs: 30, heartbeatMs: 7 });
    Object.assign(store, { lastAllocated: 4, open: true });
    helpers.expectObservable(wakes$, '^ 10ms !').toBe('-s', { s: 'schedule 0>0' });
    helpers.expectSubscriptions(notify$.subscriptions).toBe('^ 10ms !');
    helpers.flush();
    expect(Math.max(...polls, ...beats)).toBeLessThan(12);
  });
});
