import { onAbort, type Until, untilAborted } from './signals.ts';

/**
 * Waits for a promise, but no longer than the signal allows: rejects with the signal's reason. What the promise does
 * later is ignored, so that it can never become an unhandled rejection.
 */
export function orAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const free = signal.aborted ? abort : onAbort(signal, abort);
    if (signal.aborted) abort();
    promise.then(
      (value) => {
        free();
        resolve(value);
      },
      (error: unknown) => {
        free();
        reject(error);
      },
    );
  });
}

/** Waits for a promise, but no longer than any of the signals allows, nor than so many milliseconds. */
export function orLate<T>(promise: PromiseLike<T>, until: Until): Promise<T> {
  return untilAborted(until, (signal) => orAborted(promise, signal));
}

/** Waits for a promise, so many milliseconds at most, however it ends. Never rejects. */
export async function atMost(ms: number, promise: PromiseLike<unknown> | undefined): Promise<void> {
  await orLate(Promise.resolve(promise), { signals: [], ms }).catch(() => undefined);
}
