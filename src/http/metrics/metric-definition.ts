import type { Metric } from 'prom-client';
import type { DaemonMetrics } from '../../daemon/metrics.ts';

/** The reading of one scrape: everything that the daemon counts, and the version of the program. */
export interface Snapshot extends DaemonMetrics {
  readonly version: string;
}

/** A value and the values of the metric's labels, in the order of `labels`. */
export type Sample = readonly [value: number, ...labels: readonly string[]];

interface Described {
  /** `projectionist_…`, in base units. */
  readonly name: string;
  /** Printed in the scrape and in docs/metrics.md. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** One metric with all its label values: what `GET /metrics` prints, and how its samples are read from a snapshot. */
export type MetricDefinition = Described &
  (
    | { readonly type: 'gauge' | 'counter'; readonly read: (snapshot: Snapshot) => readonly Sample[] }
    // The daemon observes into a histogram of prom-client: single values cannot be taken back out of buckets.
    | { readonly type: 'histogram'; readonly read: (snapshot: Snapshot) => Metric }
  );

/** No sample where the value is not known: a made-up one would trigger or silence an alert. */
export function known(value: number | null): readonly Sample[] {
  return value === null ? [] : [[value]];
}
