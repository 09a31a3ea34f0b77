import { sendJson } from './guards.ts';
import { route } from './route.ts';
import type { RouteGroup } from './route-context.ts';
import { healthSchema, readinessSchema, rootSchema, tokenSchema } from './schemas.ts';

/** What there is, and whether it works. */
export const healthRoutes: RouteGroup = ({ daemon, version }, description) => [
  route({
    method: 'GET',
    path: '/',
    summary: 'What there is',
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
    summary: 'Whether the token that came along is the right one',
    description:
      'On loopback too, where reading needs none: a page that asks for a token can say at once that it is wrong.',
    needsToken: true,
    answers: { 200: tokenSchema },
    problems: [],
    handle: ({ context }) => sendJson(context, { accepted: true }),
  }),
  route({
    method: 'GET',
    path: '/healthz',
    summary: 'Whether to leave this process alone (200), or to start it again (503)',
    description:
      'A database that is away is no reason: a restart would not bring it back, and all daemons would be restarted at once. The names of stalled projections are for whoever may read.',
    open: true,
    answers: { 200: healthSchema, 503: healthSchema },
    problems: [],
    handle: ({ context }) => {
      const { ok, stalled } = daemon.health();
      const more = context.get('mayRead') === true && stalled.length > 0 ? { stalled } : {};
      return sendJson(context, { status: ok ? 'ok' : 'unavailable', ...more }, ok ? 200 : 503);
    },
  }),
  // Without its broker a daemon polls, and misses nothing: nobody should take it out of service for that.
  route({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether projections are moved forward: it has started, and the database answers',
    description:
      'Without its broker a daemon polls, and misses nothing: that is `degraded`, with 200. So it is while some projections have backed off for 10 s and more, or the scheduled check finds the store not as it has to be.',
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
