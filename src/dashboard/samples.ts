/** Lag and rate of a projection since the page was opened: a sample for each answer of the daemon. */
export interface Series {
  /** Epoch seconds. */
  readonly at: readonly number[];
  /** Null where it was not known: a gap in the chart. */
  readonly lag: readonly (number | null)[];
  readonly rate: readonly number[];
}

const EMPTY: Series = { at: [], lag: [], rate: [] };

export class Samples {
  readonly #series = new Map<string, { at: number[]; lag: (number | null)[]; rate: number[] }>();
  readonly #capacity: number;

  /** @param capacity samples for each projection; the oldest are dropped first. Default 900, a quarter of an hour */
  constructor(capacity = 900) {
    this.#capacity = capacity;
  }

  add(key: string, at: number, lag: number | null, rate: number): void {
    const series = this.#series.get(key) ?? { at: [], lag: [], rate: [] };
    this.#series.set(key, series);
    series.at.push(at);
    series.lag.push(lag);
    series.rate.push(rate);
    // Dropped a tenth at a time: to shift a whole array for every sample of a thousand projections would cost more than the rest.
    const over = series.at.length - this.#capacity;
    if (over < this.#capacity / 10) return;
    for (const values of [series.at, series.lag, series.rate]) values.splice(0, over);
  }

  of(key: string): Series {
    return this.#series.get(key) ?? EMPTY;
  }

  /** Drops the samples of all other projections. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#series.keys()) if (!keys.has(key)) this.#series.delete(key);
  }
}
