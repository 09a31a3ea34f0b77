import type { DaemonMetrics } from '../../daemon/metrics.ts';

/** The reading of one scrape: everything that the daemon counts, and the version of the program. */
export interface Snapshot extends DaemonMetrics {
  readonly version: string;
}

/** A value and the values of the metric's labels, in the order of `labels`. */
export type Sample = readonly [value: number, ...labels: readonly string[]];

export interface HistogramSample {
  readonly labels: readonly string[];
  /** By rising `le`; each count includes the counts of the buckets before it. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

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
    | { readonly type: 'histogram'; readonly read: (snapshot: Snapshot) => readonly HistogramSample[] }
  );

/** No sample where the value is not known: a made-up one would trigger or silence an alert. */
export function known(value: number | null): readonly Sample[] {
  return value === null ? [] : [[value]];
}
