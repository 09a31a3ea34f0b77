import { defer, Observable, type ObservableInput, type OperatorFunction } from 'rxjs';

/**
 * Runs `project` for one value at a time. Values that arrive meanwhile are not queued: one more run follows, for the value
 * that `combine` makes of them (default: the latest). A burst of a thousand wakeups is two runs, and no wakeup that came
 * during a run is lost.
 */
export function conflateMap<T, R>(
  project: (value: T) => ObservableInput<R>,
  combine: (waiting: T, arrived: T) => T = (_, arrived) => arrived,
): OperatorFunction<T, R> {
  return (source) =>
    new Observable<R>((subscriber) => {
      let running = false;
      let looping = false;
      let done = false;
      let pending: { readonly value: T } | null = null;

      const run = (value: T): void => {
        running = true;
        // Deferred: a `project` that throws ends the stream with that error, not the process.
        const inner = defer(() => project(value)).subscribe({
          next: (result) => subscriber.next(result),
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            running = false;
            runNext();
          },
        });
        subscriber.add(inner);
      };

      // A loop: with recursion, runs that end at once and cause the next one would overflow the stack.
      const runNext = (): void => {
        if (looping) return;
        looping = true;
        while (!running && pending !== null && !subscriber.closed) {
          const { value } = pending;
          pending = null;
          run(value);
        }
        looping = false;
        if (done && !running) subscriber.complete();
      };

      subscriber.add(
        source.subscribe({
          next: (value) => {
            pending = { value: pending === null ? value : combine(pending.value, value) };
            runNext();
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            done = true;
            runNext();
          },
        }),
      );
    });
}
