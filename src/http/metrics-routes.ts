import { collectDefaultMetrics, Registry } from 'prom-client';
import { METRICS, render } from './metrics/metric-registry.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';

/** `GET /metrics`. A scrape costs one reading of the database; everything else is counted in memory. */
export const metricsRoutes: RouteGroup = (routeContext) => {
  const { daemon, version } = routeContext;
  const ofProcess = processMetrics();
  return [
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'The metrics, in the text format of Prometheus',
      answers: { 200: { contentType: 'text/plain' } },
      problems: ['DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const metrics = await withTimeout(daemon.metrics(), routeContext);
        const text = (await render(METRICS, { ...metrics, version })) + (await ofProcess.metrics());
        context.header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE);
        return context.body(text);
      },
    }),
  ];
};

/**
 * Gauges whose names end like those of counters, against the convention; and the minimum delay of the event loop, which
 * has a meaningless value when nothing was measured since the last scrape.
 */
const LEFT_OUT = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_lag_min_seconds',
];

let processRegistry: Registry | null = null;

/**
 * prom-client's metrics of this process: memory, CPU, garbage collection, event loop. All servers of the process share
 * them, because prom-client cannot stop collecting them.
 */
function processMetrics(): Registry {
  if (processRegistry !== null) return processRegistry;
  processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  for (const name of LEFT_OUT) processRegistry.removeSingleMetric(name);
  return processRegistry;
}
