import { sendJson } from './guards.ts';
import { route } from './route.ts';
import type { RouteGroup } from './route-context.ts';
import { healthSchema, readinessSchema, rootSchema, tokenSchema } from './schemas.ts';

/** The root, the OpenAPI document and the health of the daemon. */
export const healthRoutes: RouteGroup = ({ daemon, version }, description) => [
  route({
    method: 'GET',
    path: '/',
    summary: 'Name, version and links',
    answers: { 200: rootSchema },
    problems: [],
    handle: ({ context }) =>
      sendJson(context, {
        name: 'projectionist',
        version,
        daemon: daemon.id,
        links: {
          health: '/healthz',
          metrics: '/metrics',
          projections: '/projections',
          projection: '/projections/{name}',
          description: '/openapi.json',
        },
      }),
  }),
  route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description, as OpenAPI 3.1',
    answers: { 200: { contentType: 'application/json' } },
    problems: [],
    handle: ({ context }) => sendJson(context, description()),
  }),
  route({
    method: 'GET',
    path: '/token',
    summary: 'Whether the token of the request is the right one',
    description: 'It needs the token on loopback too: a page that asks for a token can say at once that it is wrong.',
    needsToken: true,
    answers: { 200: tokenSchema },
    problems: [],
    handle: ({ context }) => sendJson(context, { accepted: true }),
  }),
  route({
    method: 'GET',
    path: '/healthz',
    summary: 'Whether this process works (200), or has to be restarted (503)',
    description:
      'An unreachable database is no reason for a restart, which would not bring it back, and all daemons would be restarted at once. The names of stalled projections are for clients that may read.',
    open: true,
    answers: { 200: healthSchema, 503: healthSchema },
    problems: [],
    handle: ({ context }) => {
      const { ok, stalled } = daemon.health();
      const more = context.get('mayRead') === true && stalled.length > 0 ? { stalled } : {};
      return sendJson(context, { status: ok ? 'ok' : 'unavailable', ...more }, ok ? 200 : 503);
    },
  }),
  // Without its broker a daemon polls and misses no event, so it stays in service.
  route({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether projections make progress: the daemon has started, and the database answers',
    description:
      'Without its broker a daemon polls and misses no event: that is `degraded`, with 200. It is degraded too while some projections have backed off for 10 s and more, or while the scheduled check finds a problem in the event store.',
    open: true,
    answers: { 200: readinessSchema, 503: readinessSchema },
    problems: [],
    handle: ({ context }) => {
      const problem = daemon.storeProblem();
      const store = problem === null ? {} : { store: problem };
      const mayRead = context.get('mayRead') === true;
      if (!daemon.ready()) return sendJson(context, { status: 'unavailable', ...(mayRead ? store : {}) }, 503);
      const broker = daemon.broker();
      const unwell = broker === null || broker.state === 'healthy' ? {} : { broker };
      const lasting = daemon.backingOff().slice(0, 100);
      const backingOff = lasting.map((one) => ({ ...one, since: new Date(one.since).toISOString() }));
      const more = { ...store, ...unwell, ...(backingOff.length > 0 && { backingOff }) };
      if (Object.keys(more).length === 0) return sendJson(context, { status: 'ready' });
      return sendJson(context, { status: 'degraded', ...(mayRead ? more : {}) });
    },
  }),
];
