import { z } from 'zod';
import { BROKER_STATES, type BrokerStatus } from '../core/broker.ts';
import { COMMAND_STATES, type CommandRecord } from '../core/command.ts';
import { OPERATOR_EVENTS } from '../core/operator-commands/command-registry.ts';
import { PUBLISHER_STATES, type PublisherStatus } from '../core/publisher.ts';
import { type FailureStatus, type ProjectionStatus, STATES } from '../core/status.ts';
import type { TransitionRecord } from '../core/transition.ts';

/**
 * The shapes of answers, by the names they have in `GET /openapi.json`. The command line reads answers with them too. They
 * are loose: fields that a newer daemon adds are passed on.
 */
/** Gives a shape its name. */
export function named<T extends z.ZodType>(id: string, schema: T): T {
  return schema.meta({ id });
}

/** Digits: what is beyond 2^53 must not pass through a number. */
const decimal = (what: string) => z.string().describe(what);
const instant = (what: string) => z.string().describe(`${what}, ISO 8601, UTC`);

const failureSchema = named(
  'Failure',
  z.looseObject({
    eventId: z.string().nullable().describe('null where no event is at fault'),
    position: decimal('of the event'),
    eventName: z.string().nullable(),
    attempts: z.number(),
    error: z.string(),
    sqlstate: z.string().nullable(),
    code: z.string().nullable().describe('of the engine, where the error is one of its own'),
    statement: z.string().nullable(),
    at: instant('of the last attempt'),
  }) satisfies z.ZodType<FailureStatus>,
);

export const projectionSchema = named(
  'Projection',
  z.looseObject({
    name: z.string(),
    instance: z.string().describe('empty where the projection is not per instance'),
    state: z.enum(STATES),
    substate: z.string().describe('the state with what it is doing inside: `live.waiting`'),
    detail: z.string().nullable().describe('why it is in that state or waits, in words'),
    cursor: decimal('position of the last event processed'),
    head: decimal('position of the last event that may be processed; the cursor while lagEvents is null'),
    position: z.number().describe('as in readviews: greatest epoch second among the events processed, 0 after a reset'),
    lagEvents: z
      .number()
      .nullable()
      .describe('head - cursor: an upper bound of the events to come; null while the store cannot be read'),
    lagSeconds: z
      .number()
      .nullable()
      .describe(
        'between the times of the newest event and of the newest one applied; null after a reset, and while the store cannot be read',
      ),
    behindSeconds: z
      .number()
      .nullable()
      .describe(
        'for how long the daemon has known of an event that is not applied; null until it has seen the store, and while the store cannot be read',
      ),
    ratePerSecond: z.number(),
    etaSeconds: z.number().nullable().describe('null when not catching up or not known'),
    generation: z.number().describe('rises with every reset'),
    owner: z.string().nullable().describe('the daemon that works on it'),
    backingOffSince: z.string().nullable().describe('since when it backs off without getting anywhere'),
    // Not `nullable()`: the generator would put the null into the schema that has the name, for every use of it.
    failure: z.union([failureSchema, z.null()]),
    skippedEvents: z.number().describe('passed over since the last reset; the rows lack what they say'),
    inOrder: z
      .array(z.looseObject({ table: z.string().nullable(), because: z.string() }))
      .describe('why events are applied one by one, several times slower than folded; empty where they are folded'),
    tables: z.array(z.string()).describe('what RESET empties'),
  }) satisfies z.ZodType<ProjectionStatus>,
);

const publisherSchema = named(
  'Publisher',
  z.looseObject({
    state: z.enum(PUBLISHER_STATES),
    detail: z.string().nullable(),
    cursor: decimal('every event up to here is confirmed'),
    head: decimal('position of the last event that may be published; the cursor while lagEvents is null'),
    lagEvents: z.number().nullable().describe('null while the store cannot be read'),
    ratePerSecond: z.number(),
    unconfirmed: z.number(),
    owner: z.string().nullable(),
  }) satisfies z.ZodType<PublisherStatus>,
);

const brokerSchema = named(
  'Broker',
  z.looseObject({ state: z.enum(BROKER_STATES), detail: z.string().nullable() }) satisfies z.ZodType<BrokerStatus>,
);

export const fleetSchema = named(
  'Fleet',
  z.looseObject({
    projections: z.array(projectionSchema),
    publisher: publisherSchema.optional(),
    broker: brokerSchema.optional(),
    unhandled: z
      .array(z.looseObject({ name: z.string(), events: z.number(), position: z.string() }))
      .optional()
      .describe('event types that no projection handles, as the polls have come across them since the start'),
    instanceEvents: z
      .looseObject({ instance: z.string(), eventName: z.string(), position: z.string() })
      .optional()
      .describe(
        'the first event that names an instance: no projection is per instance yet, all apply it as one history',
      ),
  }),
);

export const appliedSchema = named(
  'Applied',
  z.looseObject({
    name: z.string(),
    position: decimal('that was asked for, or head'),
    applied: z.literal(true),
    lagEvents: z.literal(0),
  }),
);

export const forgottenSchema = named(
  'Forgotten',
  z.looseObject({ name: z.string(), tables: z.array(z.string()).describe('that it filled; they stay') }),
);

export const tokenSchema = named('Token', z.strictObject({ accepted: z.literal(true) }));

export const adoptedSchema = named(
  'Adopted',
  z.looseObject({ name: z.string(), position: decimal('up to which its rows are the result of every event') }),
);

export const healthSchema = named(
  'Health',
  z.looseObject({
    status: z.enum(['ok', 'unavailable']),
    stalled: z
      .array(z.looseObject({ name: z.string(), seconds: z.number().describe('in which its pull got nowhere') }))
      .optional()
      .describe('projections that a new process would help'),
  }),
);

export const readinessSchema = named(
  'Readiness',
  z.looseObject({
    status: z.enum(['ready', 'degraded', 'unavailable']),
    store: z.string().optional().describe('what is wrong with the event store, and what to do'),
    broker: brokerSchema.optional(),
    backingOff: z
      .array(z.looseObject({ name: z.string(), since: z.string(), detail: z.string().nullable() }))
      .optional()
      .describe('projections that have backed off for 10 s and more without getting anywhere; 100 at most'),
  }),
);

export const rootSchema = named(
  'Root',
  z.looseObject({
    name: z.literal('projectionist'),
    version: z.string(),
    daemon: z.string(),
    links: z.record(z.string(), z.string()),
  }),
);

/** RFC 9457. */
export const problemSchema = named(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string().describe('what happened, and what to do'),
    code: z.string().describe('one of docs/reference/errors.md: decide by it'),
    id: z.string().optional().describe('of the entry in the log that says more'),
    lagEvents: z.number().optional().describe('NOT_APPLIED: positions that were still to go'),
  }),
);

export const acceptedSchema = named(
  'Accepted',
  z.looseObject({ id: z.string(), projection: z.string(), event: z.enum(OPERATOR_EVENTS) }),
);

export const outcomeSchema = named(
  'Outcome',
  z.looseObject({
    ...acceptedSchema.shape,
    kind: z.literal('done'),
    state: z.enum(STATES).describe('of the projection, right after it'),
    warning: z.string().optional().describe('what else it did: a reset that took other projections along'),
  }),
);

export const commandSchema = named(
  'Command',
  z.looseObject({
    id: z.string(),
    name: z.string().describe('of the projection'),
    event: z.string().describe('an event of operators; another where a newer daemon, or SQL, has written it'),
    position: z.string().nullable().describe('SKIP: of the event that failed'),
    reason: z.string().nullable(),
    generation: z.string().nullable().describe('the one it was meant for'),
    requestedBy: z.string(),
    acceptedBy: z.string().describe('the daemon that took it in'),
    requestedAt: instant('when it was taken in'),
    state: z.enum(COMMAND_STATES).describe('pending until its effect is committed, or it is refused'),
    carriedOutBy: z.string().nullable(),
    endedAt: z.string().nullable(),
    code: z.string().nullable().describe('of a failed one'),
    message: z.string().nullable(),
    warning: z.string().nullable().describe('what else it did'),
  }) satisfies z.ZodType<CommandRecord>,
);

export const commandsSchema = named('Commands', z.looseObject({ commands: z.array(commandSchema) }));

const transitionSchema = named(
  'Transition',
  z.looseObject({
    number: decimal('rises; for `before`'),
    name: z.string(),
    from: z.string(),
    to: z.string(),
    cause: z.string().describe('the event of the state machine'),
    detail: z.string().nullable(),
    position: decimal('cursor then'),
    daemon: z.string(),
    at: instant('when'),
  }) satisfies z.ZodType<TransitionRecord>,
);

export const transitionsSchema = named('Transitions', z.looseObject({ transitions: z.array(transitionSchema) }));
