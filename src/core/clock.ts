import { onAbort } from './signals.ts';

/**
 * Time and randomness, handed in: a test moves a clock of its own instead of waiting. This file is the only one of the
 * engine that may use `Date`, timers and `Math.random`; test/ports.unit.test.ts lists the files that still do.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; they never go back. For durations and deadlines. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC; an operator or NTP may set them back. For what a person reads. */
  wallClock(): number;
  /** In [0, 1). */
  random(): number;
  /**
   * Resolves after so many milliseconds; until then the process stays alive.
   * @throws the reason of the signal, as soon as it is aborted
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Calls `run` once, after so many milliseconds. The wait does not keep the process alive.
   * @returns cancels the call
   */
  later(ms: number, run: () => void): () => void;
  /** Calls `run` once, after the I/O callbacks of this turn of the event loop. */
  soon(run: () => void): void;
}

/** Milliseconds: the longest wait of a timer of Node. One that is set to more fires immediately. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const timer = setTimeout(
        () => {
          release();
          resolve();
        },
        Math.min(ms, LONGEST_TIMER_MS),
      );
      const release = onAbort(signal, () => {
        clearTimeout(timer);
        release();
        reject(signal.reason);
      });
    }),
  later: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};
