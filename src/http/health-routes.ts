import { sendJson } from './guards.ts';
import { openApi } from './openapi.ts';
import { route } from './route.ts';
import { healthSchema, readinessSchema, rootSchema } from './schemas.ts';
import type { RouteGroup } from './tools.ts';

/** What there is, and whether it works. */
export const healthRoutes: RouteGroup = ({ daemon, version }, all) => [
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
    handle: ({ context }) => sendJson(context, openApi(all(), version)),
  }),
  route({
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the daemon works: its supervisor runs and the database answers',
    answers: { 200: healthSchema, 503: healthSchema },
    problems: [],
    handle: ({ context }) =>
      daemon.healthy() ? sendJson(context, { status: 'ok' }) : sendJson(context, { status: 'unavailable' }, 503),
  }),
  // Without its broker a daemon polls, and misses nothing: nobody should take it out of service for that.
  route({
    method: 'GET',
    path: '/readyz',
    summary: 'The same, and whether its broker is there',
    answers: { 200: readinessSchema, 503: readinessSchema },
    problems: [],
    handle: ({ context }) => {
      if (!daemon.healthy()) return sendJson(context, { status: 'unavailable' }, 503);
      const broker = daemon.broker();
      if (broker === null || broker.state === 'healthy') return sendJson(context, { status: 'ready' });
      return sendJson(context, { status: 'degraded', broker });
    },
  }),
];
