/** The seconds from append to visible row of one projection, since the start of the daemon. Counts only rise. */
export interface LatencyMetrics {
  /** Name of the projection. */
  readonly name: string;
  /** By rising `le`: the number of pages that took at most that many seconds, cumulative. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  /** Seconds of all pages. */
  readonly sum: number;
  /** Number of pages. */
  readonly count: number;
}

/** Seconds. A wakeup takes milliseconds; the heartbeat finds the events of a lost one within about two seconds. */
const BOUNDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/**
 * The time from append to visible row. It starts at the event's `occurred_at`, which is the start of the appender's
 * transaction unless the appender gives another time, and ends at the commit of its row on the clock of this machine: the
 * clocks have to be synchronized. Only events appended since the projection went live count, not a replay or an import.
 *
 * No I/O. `now`: milliseconds since 1970.
 */
export class Latency {
  readonly #now: () => number;
  readonly #buckets: number[] = BOUNDS.map(() => 0);
  #liveSince = Number.POSITIVE_INFINITY;
  #sum = 0;
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The projection has caught up. */
  wentLive(): void {
    this.#liveSince = this.#now();
  }

  /** A page was committed while live, with this event as its last one. */
  visible(occurredAt: string): void {
    const appended = Date.parse(occurredAt);
    // Also false for a text that is no date in JavaScript: PostgreSQL has 'infinity', and years of five digits.
    if (!(appended >= this.#liveSince)) return;
    const seconds = Math.max(0, this.#now() - appended) / 1000;
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#sum += seconds;
    this.#count += 1;
  }

  metrics(name: string): LatencyMetrics {
    let below = 0;
    const buckets = BOUNDS.map((le, index) => {
      below += this.#buckets[index] ?? 0;
      return { le, count: below };
    });
    return { name, buckets, sum: this.#sum, count: this.#count };
  }
}
