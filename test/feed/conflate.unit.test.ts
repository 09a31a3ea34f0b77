import { defer, mergeMap, NEVER, of, Subject, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { conflateMap } from '../../src/feed/conflate.ts';

function marbles(run: Parameters<TestScheduler['run']>[0]): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(run);
}

// Seen red with: `while (pending !== null …)` without `!running` (they ran at the same time).
test('values that come one at a time run one at a time', () => {
  marbles(({ hot, cold, expectObservable }) => {
    const source = hot('  -a----b----|');
    const expected = '    ---a----b--|';
    expectObservable(source.pipe(conflateMap((value) => cold('--v|', { v: value })))).toBe(expected);
  });
});

// Seen red with: runNext left out when a run is complete (the last wakeup was lost).
test('a burst is two runs: the first, and one for the latest of all that came meanwhile', () => {
  marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
    const first = cold('  ----(r|)');
    const second = cold(' ----(s|)');
    const source = hot('  -abcd--------------|');
    const expected = '    -----r---s---------|';
    expectObservable(source.pipe(conflateMap((value) => (value === 'a' ? first : second)))).toBe(expected);
    expectSubscriptions(first.subscriptions).toBe(' -^---!');
    expectSubscriptions(second.subscriptions).toBe('-----^---!');
  });
});

test('a burst of a thousand is two runs', () => {
  const source = new Subject<number>();
  const runs: { readonly value: number; readonly gate: Subject<number> }[] = [];
  source
    .pipe(
      conflateMap((value) => {
        const gate = new Subject<number>();
        runs.push({ value, gate });
        return gate;
      }),
    )
    .subscribe();
  for (let value = 0; value < 1000; value++) source.next(value);
  runs[0]?.gate.complete();
  runs[1]?.gate.complete();
  expect(runs.map(({ value }) => value)).toEqual([0, 999]);
});

// Seen red with: `combine(value, pending.value)`.
test('the waiting value is combined with the arriving one, in that order', () => {
  marbles(({ hot, cold, expectObservable }) => {
    const source = hot('  -abcd---------|');
    const expected = '    ----a---(v)---|';
    const combined = source.pipe(
      conflateMap(
        (value) => cold('---v|', { v: value }),
        (waiting, arrived) => waiting + arrived,
      ),
    );
    expectObservable(combined).toBe(expected, { a: 'a', v: 'bcd' });
  });
});

// Seen red with: `done &&` and `!running` left out, each alone (it ended early; the last run was cut off).
test('it completes when the source has completed and the last run has ended, also one that waited', () => {
  marbles(({ hot, cold, expectObservable }) => {
    const source = hot('  -ab|');
    const expected = '    ---a---b-|';
    expectObservable(source.pipe(conflateMap((value) => cold('--v-|', { v: value })))).toBe(expected);
    expectObservable(hot('---|').pipe(conflateMap(() => NEVER))).toBe('---|');
  });
});

test('an error of the source or of a run ends the stream at once, and stops the run', () => {
  marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
    const run = cold('    ------|');
    const source = hot('  -a-#');
    expectObservable(source.pipe(conflateMap(() => run))).toBe('---#');
    expectSubscriptions(run.subscriptions).toBe('-^-!');

    const failing = hot(' -ab---c');
    expectObservable(failing.pipe(conflateMap(() => cold('--#')))).toBe('---#');
    expectSubscriptions(failing.subscriptions).toBe('^--!');
  });
});

// Seen red with: `from(project(value))` in place of the defer: the error was an uncaught exception and not one of the stream.
test('a run that throws before it begins is an error of the stream', () => {
  marbles(({ hot, expectObservable }) => {
    const thrown = conflateMap(() => {
      throw new Error('no run');
    });
    expectObservable(hot('-a-b').pipe(thrown)).toBe('-#', {}, new Error('no run'));
    expectObservable(hot('-a-b').pipe(conflateMap(() => throwError(() => 'error')))).toBe('-#');
  });
});

// Seen red with: `subscriber.add(inner)` left out.
test('unsubscribing stops the run and drops the waiting value', () => {
  marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
    const run = cold('    ------v|');
    const source = hot('  -abc---------');
    expectObservable(source.pipe(conflateMap(() => run)), '^----!').toBe('------');
    expectSubscriptions(run.subscriptions).toBe('-^---!');
    expectSubscriptions(source.subscriptions).toBe('^----!');
  });
});

// Seen red with: `if (looping) return` left out.
test('runs that end at once neither pile up nor overflow the stack', () => {
  const seen: number[] = [];
  const source = new Subject<number>();
  // Each run causes the next one while it is still running.
  const subscription = source
    .pipe(
      conflateMap((value) =>
        defer(() => {
          if (value < 20_000) source.next(value + 1);
          return of(value);
        }),
      ),
      mergeMap((value) => of(value)),
    )
    .subscribe((value) => seen.push(value));
  source.next(0);
  subscription.unsubscribe();
  expect(seen).toEqual(Array.from({ length: 20_001 }, (_, index) => index));
});

test('every value gets its run when there is time for it', () => {
  marbles(({ expectObservable }) => {
    const ticks = timer(0, 5).pipe(conflateMap((value) => timer(2).pipe(mergeMap(() => of(String(value))))));
    expectObservable(ticks, '^ 15ms !').toBe('--0----1----2---');
  });
});
