import { Registry } from 'prom-client';
import { DAEMON_FAMILIES, infoFamily } from './metrics/daemon-families.ts';
import { render } from './metrics/family.ts';
import { processMetrics } from './metrics/process-metrics.ts';
import { PROJECTION_FAMILIES } from './metrics/projection-families.ts';
import { route } from './route.ts';
import { answered, type RouteGroup } from './tools.ts';

/** For Prometheus. What pages count by themselves is read here; the database is asked once. */
export const metricsRoutes: RouteGroup = (tools) => {
  const ofProcess = processMetrics();
  const families = [infoFamily(tools.version), ...DAEMON_FAMILIES, ...PROJECTION_FAMILIES];
  return [
    route({
      method: 'GET',
      path: '/metrics',
      summary: "What is measured, in Prometheus's text format",
      answers: { 200: { contentType: 'text/plain' } },
      problems: ['DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const figures = await answered(tools.daemon.figures(), tools);
        const text = (await render(families, figures)) + (await ofProcess.metrics());
        context.header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE);
        return context.body(text);
      },
    }),
  ];
};
