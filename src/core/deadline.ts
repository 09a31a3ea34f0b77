import { onAbort, type Until, untilAborted } from './signals.ts';

/**
 * Waits for a promise until the signal is aborted, and then rejects with the signal's reason. A later rejection of the
 * promise is ignored, so that it cannot become an unhandled one.
 */
export function orAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const release = signal.aborted ? abort : onAbort(signal, abort);
    if (signal.aborted) abort();
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
  });
}

/** Waits for a promise until one of the signals is aborted or the time is over, and then rejects with that reason. */
export function orLate<T>(promise: PromiseLike<T>, until: Until): Promise<T> {
  return untilAborted(until, (signal) => orAborted(promise, signal));
}

/** Waits `ms` milliseconds at most for a promise to settle. Never rejects. */
export async function atMost(ms: number, promise: PromiseLike<unknown> | undefined): Promise<void> {
  await orLate(Promise.resolve(promise), { signals: [], ms }).catch(() => undefined);
}
