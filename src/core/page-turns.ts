/** Who waits now, and since when. */
export interface Waiting {
  readonly count: number;
  /** Milliseconds that the first of them has waited; 0 while nobody does. */
  readonly longestMs: number;
}

interface Waiter {
  readonly since: number;
  readonly go: () => void;
}

/**
 * So many at once, in the order asked. In front of a pool of connections it makes the wait for one visible and lets it be
 * given up: a projection that waits for its turn is not stalled, and can be paused meanwhile.
 */
export class PageTurns {
  readonly places: number;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  /** @param now milliseconds that only rise */
  constructor(places: number, now: () => number = () => performance.now()) {
    this.places = places;
    this.#now = now;
  }

  /** @returns how to give the turn back (once); null when the signal was aborted before it came */
  async take(signal: AbortSignal): Promise<(() => void) | null> {
    if (signal.aborted) return null;
    if (this.#taken >= this.places || this.#waiters.size > 0) {
      const came = await this.#wait(signal);
      if (!came) return null;
    } else this.#taken += 1;
    let back = false;
    return () => {
      if (back) return;
      back = true;
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
      const end = (came: boolean): void => {
        signal.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
        resolve(came);
      };
      const abort = (): void => end(false);
      const waiter = { since: this.#now(), go: () => end(true) };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #next(): void {
    const [first] = this.#waiters;
    if (first === undefined || this.#taken >= this.places) return;
    // Taken here, not when it wakes up: nobody who comes in between may have it.
    this.#taken += 1;
    first.go();
  }
}
