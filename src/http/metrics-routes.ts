import type { Hono } from 'hono';
import { Registry } from 'prom-client';
import { orAborted } from '../core/deadline.ts';
import type { DaemonPort } from '../engine/daemon-port.ts';
import type { Env } from './guards.ts';
import { DAEMON_FAMILIES, infoFamily } from './metrics/daemon-families.ts';
import { render } from './metrics/family.ts';
import { processMetrics } from './metrics/process-metrics.ts';
import { PROJECTION_FAMILIES } from './metrics/projection-families.ts';

export interface MetricsOptions {
  readonly daemon: Pick<DaemonPort, 'figures'>;
  readonly version: string;
  /** Of what an answer waits for. */
  readonly timeoutMs: number;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
}

/** `GET /metrics`, for Prometheus. What pages count by themselves is read here; the database is asked once. */
export function addMetrics(app: Hono<Env>, { daemon, version, timeoutMs, closing }: MetricsOptions): void {
  const ofProcess = processMetrics();
  const families = [infoFamily(version), ...DAEMON_FAMILIES, ...PROJECTION_FAMILIES];
  app.get('/metrics', async (context) => {
    const figures = await orAborted(daemon.figures(), AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]));
    const text = (await render(families, figures)) + (await ofProcess.metrics());
    context.header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE);
    return context.body(text);
  });
}
