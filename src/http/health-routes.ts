import type { Hono } from 'hono';
import type { DaemonPort } from '../engine/daemon-port.ts';
import { type Env, sendJson } from './guards.ts';

/** Answered to anybody: what probes an orchestrator sends cannot hold a token. */
export const HEALTH_PATHS: readonly string[] = ['/healthz', '/readyz'];

/**
 * `/healthz`: leave this process alone (200), or start it again (503). A database that is away is no reason: a restart
 * would not bring it back, and all daemons would be restarted at once.
 * `/readyz`: whether projections are moved forward. Without its broker a daemon polls, and misses nothing: `degraded`, and
 * nobody should take it out of service for that.
 * Names and reasons are for whoever may read.
 */
export function addHealth(app: Hono<Env>, daemon: Pick<DaemonPort, 'health' | 'ready' | 'broker'>): void {
  app.get('/healthz', (context) => {
    const { ok, stalled } = daemon.health();
    const more = context.get('mayRead') === true && stalled.length > 0 ? { stalled } : {};
    return sendJson(context, { status: ok ? 'ok' : 'unavailable', ...more }, ok ? 200 : 503);
  });
  app.get('/readyz', (context) => {
    if (!daemon.ready()) return sendJson(context, { status: 'unavailable' }, 503);
    const broker = daemon.broker();
    if (broker === null || broker.state === 'healthy') return sendJson(context, { status: 'ready' });
    return sendJson(context, { status: 'degraded', ...(context.get('mayRead') === true ? { broker } : {}) });
  });
}
