import { Histogram } from 'prom-client';

/** How long the rows of one projection have taken to become visible, since the start of the daemon; in seconds. */
export interface LatencyMetrics {
  /** Of the projection. */
  readonly name: string;
  /** By rising `le`; each count includes the counts of the buckets before it. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  /** Seconds of all observations. */
  readonly sum: number;
  /** Number of observations: one for each page. */
  readonly count: number;
}

/** Seconds. A wakeup takes milliseconds; the heartbeat finds a lost one within about two seconds. */
const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What `GET /metrics` and docs/metrics.md say of the histogram. */
export const LATENCY_METRIC = {
  name: 'projectionist_append_to_row_seconds',
  help: 'Seconds from occurred_at of an event to the commit of its row; one observation per page, for events appended while live.',
  labels: ['projection'],
} as const;

/** The latencies of all projections of one daemon. `GET /metrics` prints this histogram as it is. */
export type LatencyHistogram = Histogram<'projection'>;

/** In no registry: in prom-client's global one the histograms of two daemons of a process would clash. */
export function createLatencyHistogram(): LatencyHistogram {
  return new Histogram({
    name: LATENCY_METRIC.name,
    help: LATENCY_METRIC.help,
    labelNames: LATENCY_METRIC.labels,
    buckets: BUCKETS,
    registers: [],
  });
}

/** The histogram for programs, without the names of the Prometheus format; by projection, in the order of their first count. */
export async function readLatencies(histogram: LatencyHistogram): Promise<readonly LatencyMetrics[]> {
  const byName = new Map<string, { buckets: { le: number; count: number }[]; sum: number; count: number }>();
  for (const { labels, metricName, value } of (await histogram.get()).values) {
    const { projection, le }: Readonly<Record<string, string | number | undefined>> = labels;
    const name = String(projection);
    const metrics = byName.get(name) ?? { buckets: [], sum: 0, count: 0 };
    byName.set(name, metrics);
    // The last bucket, of le="+Inf", holds the same number as the count.
    if (typeof le === 'number') metrics.buckets.push({ le, count: value });
    else if (metricName?.endsWith('_sum') === true) metrics.sum = value;
    else metrics.count = value;
  }
  return [...byName].map(([name, metrics]) => ({ name, ...metrics }));
}

/**
 * The latency from append to visible row: from the event's `occurred_at` (the start of the appender's transaction, unless
 * the appender gives another time) to the commit of its row on this machine's clock. The two clocks must be in step. Only
 * events that were appended since the projection went live are observed: the age of a replayed or imported event is not a
 * latency.
 *
 * No I/O. `now`: milliseconds since 1970.
 */
export class Latency {
  readonly #now: () => number;
  readonly #observe: (seconds: number) => void;
  #liveSince = Number.POSITIVE_INFINITY;

  constructor(now: () => number, observe: (seconds: number) => void) {
    this.#now = now;
    this.#observe = observe;
  }

  /** The projection has applied every event. */
  wentLive(): void {
    this.#liveSince = this.#now();
  }

  /** A page was committed while live, with this event as its last one. */
  visible(occurredAt: string): void {
    const appended = Date.parse(occurredAt);
    // Also false for what is no date in JavaScript: PostgreSQL has 'infinity', and years of five digits.
    if (!(appended >= this.#liveSince)) return;
    this.#observe(Math.max(0, this.#now() - appended) / 1000);
  }
}
