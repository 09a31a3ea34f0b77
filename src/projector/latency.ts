/** How long one projection's rows have taken to be visible, since the start of the daemon; in seconds. Counts only rise. */
export interface LatencyMetrics {
  /** Of the projection. */
  readonly name: string;
  /** By rising `le`: how many took at most that many seconds, those of the buckets before included. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  /** Seconds of all that were counted. */
  readonly sum: number;
  /** All that were counted: one for each page. */
  readonly count: number;
}

/** Seconds. A wake takes milliseconds, the heartbeat finds a lost one within about two seconds. */
const BOUNDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/**
 * From append to visible row. It counts from the event's `occurred_at`, the start of the appender's transaction unless
 * the appender says otherwise, to the commit of its row on this machine's clock: the clocks must be in step. Only what was
 * appended since the projection went live counts: a replay or an import of old events says nothing about it.
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

  /** Everything there was has been applied. */
  wentLive(): void {
    this.#liveSince = this.#now();
  }

  /** A page was committed while live, with this event as its last one. */
  visible(occurredAt: string): void {
    const appended = Date.parse(occurredAt);
    // False of what is no date for JavaScript too: PostgreSQL knows 'infinity', and years of five digits.
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
