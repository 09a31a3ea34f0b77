import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import { remoteOf, sendJson } from './guards.ts';
import { position, wholeNumber } from './request-values.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';
import { adoptedSchema, fleetSchema, forgottenSchema, projectionSchema, transitionsSchema } from './schemas.ts';

const ADOPT_PROBLEMS = [
  'PROJECTION_UNKNOWN',
  'ADOPT_REFUSED',
  'TABLE_SHARED',
  'TABLE_REACHED',
  'TABLE_UNSAFE',
  'TABLE_UNFIT',
  'DAEMON_STOPPED',
] as const;

/** Shows the projections, and changes which of them the engine keeps. */
export const projectionRoutes: RouteGroup = (routeContext) => [
  route({
    method: 'GET',
    path: '/projections',
    summary: 'Every projection; the publisher and the broker, where they run',
    answers: { 200: fleetSchema },
    problems: [],
    handle: async ({ context }) => {
      const broker = routeContext.daemon.broker();
      const [projections, publisher] = await withTimeout(
        Promise.all([routeContext.daemon.status(), routeContext.daemon.publisher()]),
        routeContext,
      );
      const beside = { ...(broker === null ? {} : { broker }), ...(publisher === null ? {} : { publisher }) };
      const unhandled = routeContext.daemon.unhandled();
      const instanceEvents = routeContext.daemon.instanceEvents();
      return sendJson(context, {
        projections,
        ...beside,
        ...(unhandled.length > 0 && { unhandled }),
        ...(instanceEvents !== null && { instanceEvents }),
      });
    },
  }),
  route({
    method: 'GET',
    path: '/projections/{name}',
    summary: 'One projection',
    answers: { 200: projectionSchema },
    problems: ['PROJECTION_UNKNOWN'],
    handle: async ({ context }) => {
      const name = context.req.param('name') ?? '';
      const all = await withTimeout(routeContext.daemon.status(), routeContext);
      const found = all.find((status) => status.name === name);
      if (found !== undefined) return sendJson(context, found);
      throw unknownProjection(
        name,
        all.map((status) => status.name),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/projections/{name}/transitions',
    summary: 'Its recorded transitions, newest first',
    query: z.object({
      limit: wholeNumber(1000, 'is a whole number, at most 1000').default(100),
      before: position('a number to page on from').optional(),
    }),
    answers: { 200: transitionsSchema },
    problems: ['PROJECTION_UNKNOWN', 'DAEMON_STOPPED'],
    handle: async ({ context, query: { limit, before } }) => {
      const name = context.req.param('name') ?? '';
      const asked = { limit, ...(before !== undefined && { before }) };
      const transitions = await withTimeout(routeContext.daemon.transitions(name, asked), routeContext);
      // The transitions of an unregistered projection are kept for a while.
      const known = transitions.length > 0 || routeContext.daemon.names.includes(name);
      if (!known) throw unknownProjection(name, routeContext.daemon.names);
      return sendJson(context, { transitions });
    },
  }),
  // Not DELETE /projections/NAME: its caller would expect the tables to be removed.
  route({
    method: 'POST',
    path: '/projections/{name}/forget',
    summary: 'Unregister a projection that is declared no more; its tables stay, and are named',
    answers: { 200: forgottenSchema },
    problems: ['PROJECTION_UNKNOWN', 'FORGET_REFUSED', 'DAEMON_STOPPED'],
    handle: async ({ context }) => {
      const name = context.req.param('name') ?? '';
      const tables = await withTimeout(routeContext.daemon.forget(name), routeContext);
      routeContext.log.info({ projection: name, tables, remote: remoteOf(context) }, 'projection.forgotten');
      return sendJson(context, { name, tables });
    },
  }),
  route({
    method: 'POST',
    path: '/projections/{name}/adopt',
    summary: 'Give a refused projection its filled tables, as the result of every event up to a position',
    body: z.object({ position: position('the position of an event, or 0') }),
    answers: { 200: adoptedSchema },
    problems: ADOPT_PROBLEMS,
    handle: async ({ context, body }) => {
      const name = context.req.param('name') ?? '';
      await withTimeout(routeContext.daemon.adopt(name, body.position), routeContext);
      const adopted = { name, position: String(body.position) };
      routeContext.log.info({ ...adopted, projection: name, remote: remoteOf(context) }, 'projection.adopted');
      return sendJson(context, adopted);
    },
  }),
];

/** The name is cut in the message: a client may send any length. */
export function unknownProjection(name: string, known: readonly string[]): EngineError {
  return new EngineError('PROJECTION_UNKNOWN', { name: name.slice(0, 80), known: [...new Set(known)].join(', ') });
}
