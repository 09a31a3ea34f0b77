import { type Metric, Registry } from 'prom-client';
import type { DaemonMetrics } from '../../daemon/metrics.ts';

/** A number and the values of the family's labels, in their order. */
export type Sample = readonly [value: number, ...labels: readonly string[]];

interface HistogramSample {
  readonly labels: readonly string[];
  /** By rising `le`; each counts those before it too. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

interface Named {
  /** `projectionist_…`, in base units. */
  readonly name: string;
  /** One sentence, for whoever picks it from a list. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** A metric with all its label values, and how it is read from what the daemon has counted by itself. */
export type Family = Named &
  (
    | { readonly type: 'gauge' | 'counter'; readonly read: (metrics: DaemonMetrics) => readonly Sample[] }
    | { readonly type: 'histogram'; readonly read: (metrics: DaemonMetrics) => readonly HistogramSample[] }
  );

interface Line {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The families as Prometheus reads them. */
export async function render(families: readonly Family[], metrics: DaemonMetrics): Promise<string> {
  const registry = new Registry();
  for (const family of families) {
    const { name, help, type } = family;
    const values = linesOf(family, metrics);
    // prom-client's own classes want to be told of each event as it happens. These are numbers that are read now; `get`
    // is all that the registry asks of a metric.
    const metric = { name, help, type, get: () => Promise.resolve({ name, help, type, values }) };
    registry.registerMetric(metric as unknown as Metric);
  }
  return await registry.metrics();
}

function linesOf(family: Family, metrics: DaemonMetrics): readonly Line[] {
  const labelled = (values: readonly string[]) =>
    Object.fromEntries(family.labels.map((label, index) => [label, values[index] ?? '']));
  if (family.type !== 'histogram')
    return family.read(metrics).map(([value, ...values]) => ({ labels: labelled(values), value }));
  return family.read(metrics).flatMap(({ labels: values, buckets, sum, count }) => {
    const labels = labelled(values);
    return [
      ...[...buckets, { le: '+Inf', count }].map((bucket) => ({
        metricName: `${family.name}_bucket`,
        labels: { ...labels, le: bucket.le },
        value: bucket.count,
      })),
      { metricName: `${family.name}_sum`, labels, value: sum },
      { metricName: `${family.name}_count`, labels, value: count },
    ];
  });
}
