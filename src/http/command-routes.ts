import { z } from 'zod';
import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { OPERATOR_EVENTS } from '../core/status.ts';
import { createCommands } from './commands.ts';
import { refuse, remoteOf, sendJson, sendProblem } from './guards.ts';
import { outcomeProblem } from './problem.ts';
import { unknownProjection } from './projection-routes.ts';
import { route, wholeNumber } from './route.ts';
import { acceptedSchema, outcomeSchema } from './schemas.ts';
import type { RouteGroup } from './tools.ts';

const bodySchema = z.strictObject({
  type: z.enum(OPERATOR_EVENTS, { error: `is not one of ${OPERATOR_EVENTS.join(', ')}` }),
});

/** What operators ask of projections. */
export const commandRoutes: RouteGroup = ({ daemon, log, closing, maxCommands }) => {
  const commands = createCommands({ daemon, log, closing, maxUnderWay: maxCommands });
  return [
    route({
      method: 'POST',
      path: '/projections/:name/events',
      summary: 'Send an event to a projection',
      query: z.object({
        wait: wholeNumber(600_000, 'is a whole number of milliseconds, at most 600000').default(0),
      }),
      body: bodySchema,
      answers: { 200: outcomeSchema, 202: acceptedSchema },
      problems: [
        'PROJECTION_UNKNOWN',
        'PUBLISHER_TAKES_NO_COMMANDS',
        'COMMAND_REFUSED',
        'COMMAND_TIMEOUT',
        'DAEMON_STOPPED',
        'BUSY',
      ],
      handle: async ({ context, query: { wait }, body: { type } }) => {
        const name = context.req.param('name') ?? '';
        if (name === PUBLISHER_NAME) throw new EngineError('PUBLISHER_TAKES_NO_COMMANDS', { event: type });
        if (!daemon.names.includes(name)) throw unknownProjection(name, daemon.names);
        const sent = commands.send(name, type, { waitMs: wait, remote: remoteOf(context) });
        if (sent === null) {
          context.header('Retry-After', '1');
          return refuse(context, log, 'BUSY');
        }
        const accepted = { id: sent.id, projection: name, event: type };
        if (wait === 0) return sendJson(context, accepted, 202);
        const outcome = await outcomeWithin(sent.outcome, wait, accepted);
        return outcome.kind === 'done'
          ? sendJson(context, { ...accepted, ...outcome })
          : sendProblem(context, outcomeProblem(outcome));
      },
    }),
  ];
};

/** The command goes on when the time is up; only the answer no longer waits for it. */
async function outcomeWithin<T>(
  outcome: Promise<T>,
  waitMs: number,
  { projection, event }: { readonly projection: string; readonly event: string },
): Promise<T> {
  const deadline = AbortSignal.timeout(waitMs);
  try {
    return await orAborted(outcome, deadline);
  } catch (error) {
    if (error !== deadline.reason || !deadline.aborted) throw error;
    throw new EngineError('COMMAND_TIMEOUT', { name: projection, event, ms: waitMs, state: 'still at work' });
  }
}
