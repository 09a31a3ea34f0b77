/**
 * Waits for a promise, but no longer than the signal allows: rejects with the signal's reason. What the promise does
 * later is ignored, so that it can never become an unhandled rejection.
 */
export function orAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', abort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
  });
}

/** Waits for a promise, so many milliseconds at most, however it ends. Never rejects. */
export async function atMost(ms: number, promise: PromiseLike<unknown> | undefined): Promise<void> {
  await orAborted(Promise.resolve(promise), AbortSignal.timeout(ms)).catch(() => undefined);
}
