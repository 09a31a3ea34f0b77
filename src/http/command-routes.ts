import { z } from 'zod';
import { orLate } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import { OPERATOR_COMMANDS, OPERATOR_EVENTS } from '../core/operator-commands/command-registry.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { isTimeout } from '../core/signals.ts';
import { isUuid, UUID_PATTERN } from '../core/uuid.ts';
import { createCommands } from './commands.ts';
import { refuse, remoteOf, sendJson, sendProblem } from './guards.ts';
import { outcomeProblem } from './problem.ts';
import { unknownProjection } from './projection-routes.ts';
import { position, wholeNumber } from './request-values.ts';
import { route } from './route.ts';
import { type RouteGroup, withTimeout } from './route-context.ts';
import { acceptedSchema, commandSchema, commandsSchema, outcomeSchema } from './schemas.ts';

const query = z.object({
  wait: wholeNumber(600_000, 'is a whole number of milliseconds, at most 600000').default(0),
});

const headers = z.object({
  'idempotency-key': z.string().regex(UUID_PATTERN, { error: 'is not a UUID' }).optional().meta({
    // Without the flag of the expression, which the document would print as a part of the pattern.
    pattern: UUID_PATTERN.source,
    description: 'a UUID of yours, the id of the command: a repeat with the same key is the same command',
  }),
});

const body = z.strictObject({
  type: z
    .enum(OPERATOR_EVENTS, { error: `is not one of ${OPERATOR_EVENTS.join(', ')}` })
    .describe(OPERATOR_COMMANDS.map(({ name, summary }) => `${name}: ${summary}`).join('; ')),
  position: position('SKIP: of the event that failed').optional(),
  reason: z.string().optional().describe('SKIP: why, for the record; 1 to 500 characters'),
  generation: z
    .union([z.int().min(0).max(Number.MAX_SAFE_INTEGER), position('the same in digits')], {
      error: 'is not a generation, a whole number',
    })
    .transform(BigInt)
    .optional()
    .describe('refused unless the projection is of this one when the command is carried out'),
});

/** What operators ask of projections, and what has become of it. */
export const commandRoutes: RouteGroup = (routeContext) => [
  sendRoute(routeContext),
  route({
    method: 'GET',
    path: '/commands',
    summary: 'What was asked of projections and what came of it, newest first: the audit log',
    query: z.object({
      name: z.string().optional().describe('of one projection'),
      limit: wholeNumber(1000, 'is a whole number, at most 1000').default(100),
    }),
    answers: { 200: commandsSchema },
    problems: ['DAEMON_STOPPED'],
    handle: async ({ context, query: { name, limit } }) => {
      const commands = await withTimeout(
        routeContext.daemon.commands({ ...(name !== undefined && { name }), limit }),
        routeContext,
      );
      return sendJson(context, { commands });
    },
  }),
  route({
    method: 'GET',
    path: '/commands/{id}',
    summary: 'One command, and how it stands',
    answers: { 200: commandSchema },
    problems: ['COMMAND_UNKNOWN', 'DAEMON_STOPPED'],
    handle: async ({ context }) => {
      const id = context.req.param('id') ?? '';
      const found = isUuid(id) ? await withTimeout(routeContext.daemon.command(id), routeContext) : null;
      return found === null ? refuse(context, routeContext.log, 'COMMAND_UNKNOWN') : sendJson(context, found);
    },
  }),
];

const sendRoute = ({ daemon, log, closing, maxCommands }: Parameters<RouteGroup>[0]) => {
  const commands = createCommands({ daemon, log, closing, maxUnderWay: maxCommands });
  return route({
    method: 'POST',
    path: '/projections/{name}/events',
    summary: 'Send an event to a projection',
    description:
      'A command, once taken in, is carried out, also over a restart of the daemon; `wait` asks for its outcome.',
    query,
    headers,
    body,
    answers: { 200: outcomeSchema, 202: acceptedSchema },
    problems: [
      'PROJECTION_UNKNOWN',
      'PUBLISHER_TAKES_NO_COMMANDS',
      'COMMAND_INVALID',
      'COMMAND_REFUSED',
      'COMMAND_STALE',
      'SKIP_MOVED',
      'RESET_FAILED',
      'RESET_REFUSED',
      'RESET_BLOCKED',
      'COMMAND_NOT_TAKEN',
      'COMMAND_TIMEOUT',
      'DAEMON_STOPPED',
      'BUSY',
    ],
    handle: async ({ context, query: { wait }, headers: { 'idempotency-key': key }, body: { type, ...given } }) => {
      const name = context.req.param('name') ?? '';
      if (name === PUBLISHER_NAME) throw new EngineError('PUBLISHER_TAKES_NO_COMMANDS', { event: type });
      if (!daemon.names.includes(name)) throw unknownProjection(name, daemon.names);
      const request = { name, event: type, ...present(given), ...(key !== undefined && { id: key }) };
      const sent = await commands.send({ ...request, by: `http ${remoteOf(context)}` }, wait);
      if (sent === null) {
        context.header('Retry-After', '1');
        return refuse(context, log, 'BUSY');
      }
      const accepted = { id: sent.id, projection: name, event: type };
      context.header('Location', `/commands/${sent.id}`);
      if (wait === 0) return sendJson(context, accepted, 202);
      const outcome = await outcomeWithin(sent.outcome, wait, accepted);
      return outcome.kind === 'done'
        ? sendJson(context, { ...accepted, ...outcome })
        : sendProblem(context, outcomeProblem(outcome));
    },
  });
};

interface Given {
  readonly position?: bigint | undefined;
  readonly reason?: string | undefined;
  readonly generation?: bigint | undefined;
}

function present({ position, reason, generation }: Given) {
  return {
    ...(position !== undefined && { position }),
    ...(reason !== undefined && { reason }),
    ...(generation !== undefined && { generation }),
  };
}

/** The command goes on when the time is up; only the answer no longer waits for it. */
async function outcomeWithin<T>(
  outcome: Promise<T>,
  waitMs: number,
  { projection, event }: { readonly projection: string; readonly event: string },
): Promise<T> {
  try {
    return await orLate(outcome, { signals: [], ms: waitMs });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new EngineError('COMMAND_TIMEOUT', { name: projection, event, ms: waitMs, state: 'still at work' });
  }
}
