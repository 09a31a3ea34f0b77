import { systemClock } from './clock.ts';

/** The queue of waiting pages. */
export interface Waiting {
  readonly count: number;
  /** Milliseconds that the first of them has waited; 0 while none waits. */
  readonly longestMs: number;
}

interface Waiter {
  readonly since: number;
  readonly go: () => void;
}

/**
 * A semaphore with a fair queue. In front of a pool of connections it makes the wait for a connection visible and lets the
 * caller abort it: a projection that waits for its turn is not stalled, and can be paused meanwhile.
 */
export class PageTurns {
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  /** @param now a monotonic clock in milliseconds */
  constructor(capacity: number, now: () => number = systemClock.now) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /** @returns a function that gives the turn back (a second call does nothing); null when the signal was aborted first */
  async take(signal: AbortSignal): Promise<(() => void) | null> {
    if (signal.aborted) return null;
    if (this.#taken >= this.#capacity || this.#waiters.size > 0) {
      const granted = await this.#wait(signal);
      if (!granted) return null;
    } else this.#taken += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#taken -= 1;
      this.#next();
    };
  }

  get waiting(): Waiting {
    const [first] = this.#waiters;
    return { count: this.#waiters.size, longestMs: first === undefined ? 0 : this.#now() - first.since };
  }

  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (granted: boolean): void => {
        signal.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
        resolve(granted);
      };
      const abort = (): void => end(false);
      const waiter = { since: this.#now(), go: () => end(true) };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #next(): void {
    const [first] = this.#waiters;
    if (first === undefined || this.#taken >= this.#capacity) return;
    // Counted here, not when the waiter resumes: a caller in between would take its turn.
    this.#taken += 1;
    first.go();
  }
}
