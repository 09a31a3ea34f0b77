import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import { remoteOf, sendJson } from './guards.ts';
import { position, wholeNumber } from './request-values.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';
import { adoptedSchema, fleetSchema, forgottenSchema, projectionSchema, transitionsSchema } from './schemas.ts';

/** How the projections stand. */
export const projectionRoutes: RouteGroup = (routeContext) => [
  route({
    method: 'GET',
    path: '/projections',
    summary: 'Every projection; the publisher and the broker, where there are such',
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
    summary: 'Its changes of state that are news, newest first',
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
      // Those of a projection that was forgotten are kept for a while.
      const known = transitions.length > 0 || routeContext.daemon.names.includes(name);
      if (!known) throw unknownProjection(name, routeContext.daemon.names);
      return sendJson(context, { transitions });
    },
  }),
  // Not DELETE /projections/NAME: whoever sends that expects the tables to go.
  route({
    method: 'POST',
    path: '/projections/{name}/forget',
    summary: 'Remove the rows about a projection that is declared no more; its tables stay, and are named',
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
    problems: ['PROJECTION_UNKNOWN', 'ADOPT_REFUSED', 'TABLE_SHARED', 'TABLE_UNFIT', 'DAEMON_STOPPED'],
    handle: async ({ context, body }) => {
      const name = context.req.param('name') ?? '';
      await withTimeout(routeContext.daemon.adopt(name, body.position), routeContext);
      const adopted = { name, position: String(body.position) };
      routeContext.log.info({ ...adopted, projection: name, remote: remoteOf(context) }, 'projection.adopted');
      return sendJson(context, adopted);
    },
  }),
];

/** Cut in a message: whoever asks may send any length. */
export function unknownProjection(name: string, known: readonly string[]): EngineError {
  return new EngineError('PROJECTION_UNKNOWN', { name: name.slice(0, 80), known: [...new Set(known)].join(', ') });
}
