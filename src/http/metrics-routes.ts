import { Registry } from 'prom-client';
import { DAEMON_FAMILIES, infoFamily } from './metrics/daemon-families.ts';
import { render } from './metrics/family.ts';
import { processMetrics } from './metrics/process-metrics.ts';
import { PROJECTION_FAMILIES } from './metrics/projection-families.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';

/** For Prometheus. What pages count by themselves is read here; the database is asked once. */
export const metricsRoutes: RouteGroup = (routeContext) => {
  const ofProcess = processMetrics();
  const families = [infoFamily(routeContext.version), ...DAEMON_FAMILIES, ...PROJECTION_FAMILIES];
  return [
    route({
      method: 'GET',
      path: '/metrics',
      summary: "What is measured, in Prometheus's text format",
      answers: { 200: { contentType: 'text/plain' } },
      problems: ['DAEMON_STOPPED'],
      handle: async ({ context }) => {
        const metrics = await withTimeout(routeContext.daemon.metrics(), routeContext);
        const text = (await render(families, metrics)) + (await ofProcess.metrics());
        context.header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE);
        return context.body(text);
      },
    }),
  ];
};
