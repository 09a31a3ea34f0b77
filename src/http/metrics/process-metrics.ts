import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Gauges whose names end like a counter's, against the convention; and the least delay of the event loop, which is
 * nonsense when nothing was measured since the last reading.
 */
const LEFT_OUT = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_lag_min_seconds',
];

let registry: Registry | null = null;

/** What prom-client knows of this process: memory, CPU, garbage, event loop. One for all, since it cannot be ended. */
export function processMetrics(): Registry {
  if (registry !== null) return registry;
  registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of LEFT_OUT) registry.removeSingleMetric(name);
  return registry;
}
