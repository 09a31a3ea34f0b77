import { z } from 'zod';
import { untilAborted } from '../core/signals.ts';
import { sendJson, sendProblem } from './guards.ts';
import { notApplied } from './problem.ts';
import { unknownProjection } from './projection-routes.ts';
import { position, wholeNumber } from './request-values.ts';
import { route } from './route.ts';
import type { RouteGroup } from './route-context.ts';
import { appliedSchema } from './schemas.ts';

const querySchema = z.object({
  position: z
    .union([z.literal('head'), position('of an event')], { error: 'is a position in decimal digits, or head' })
    .meta({ description: 'of an event; head: the last one that is stored when the wait begins' }),
  timeout: wholeNumber(600_000, 'is a whole number of milliseconds, at most 600000').default(30_000),
});

/** Freshness: who has appended waits until a read model shows it. */
export const waitRoutes: RouteGroup = ({ daemon, closing }) => [
  route({
    method: 'GET',
    path: '/projections/{name}/wait',
    summary: 'Wait until nothing at or below a position is unapplied',
    query: querySchema,
    answers: { 200: appliedSchema },
    problems: ['PROJECTION_UNKNOWN', 'NOT_APPLIED', 'WAIT_BUSY', 'DAEMON_STOPPED'],
    handle: async ({ context, query }) => {
      const name = context.req.param('name') ?? '';
      if (!daemon.names.includes(name)) throw unknownProjection(name, daemon.names);
      const gone = context.req.raw.signal;
      const outcome = await untilAborted({ signals: [closing, gone] }, (signal) =>
        daemon.waitFor(name, query.position, { timeoutMs: query.timeout, signal }),
      ).catch((error: unknown) => {
        if (gone.aborted) return null;
        throw error;
      });
      // Whoever asked has hung up: nobody reads this.
      if (outcome === null) return new Response(null, { status: 499 });
      const { applied, lagEvents } = outcome;
      const asked = query.position === 'head' ? 'head' : String(query.position);
      if (applied) return sendJson(context, { name, position: asked, applied, lagEvents });
      const detail = `'${name}' was ${lagEvents} positions before ${asked} after ${query.timeout} ms; GET /projections/${name} says why`;
      return sendProblem(context, notApplied(detail, lagEvents));
    },
  }),
];
