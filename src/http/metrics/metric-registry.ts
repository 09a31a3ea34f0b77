import { Counter, Gauge, Registry } from 'prom-client';
import { DAEMON_METRICS } from './daemon-metrics.ts';
import type { MetricDefinition, Snapshot } from './metric-definition.ts';
import { PROJECTION_METRICS } from './projection-metrics.ts';

/** Every metric of `GET /metrics` beside those of the process. A test compares docs/metrics.md with this list. */
export const METRICS: readonly MetricDefinition[] = [...DAEMON_METRICS, ...PROJECTION_METRICS];

/**
 * The metrics in the text format of Prometheus.
 *
 * Each scrape has a registry of its own: two scrapes at the same time cannot mix their snapshots, and the samples of
 * 1000 projections (about 50,000) are not kept between scrapes.
 */
export async function render(metrics: readonly MetricDefinition[], snapshot: Snapshot): Promise<string> {
  const registry = new Registry();
  for (const metric of metrics) register(registry, metric, snapshot);
  return await registry.metrics();
}

function register(registry: Registry, metric: MetricDefinition, snapshot: Snapshot): void {
  if (metric.type === 'histogram') {
    registry.registerMetric(metric.read(snapshot));
    return;
  }
  const { name, help, labels } = metric;
  const config = { name, help, labelNames: labels, registers: [registry] };
  const { target, record } = metric.type === 'gauge' ? gauge(config) : counter(config);
  // prom-client begins a metric without labels at 0, which would be a value for what is not known.
  if (labels.length === 0) target.remove();
  for (const [value, ...values] of metric.read(snapshot)) record(labelled(labels, values), value);
}

interface Config {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: Registry[];
}

function gauge(config: Config) {
  const target = new Gauge(config);
  return { target, record: (labels: Labels, value: number) => target.set(labels, value) };
}

/** Incremented once, from 0 to the daemon's count. */
function counter(config: Config) {
  const target = new Counter(config);
  return { target, record: (labels: Labels, value: number) => target.inc(labels, value) };
}

type Labels = Readonly<Record<string, string>>;

function labelled(names: readonly string[], values: readonly string[]): Labels {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
