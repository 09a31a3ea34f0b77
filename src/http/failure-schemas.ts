import { z } from 'zod';
import type { Capsule } from '../core/capsule.ts';
import type { FailureRecord, TryReport } from '../core/failure.ts';
import { named } from './schemas.ts';

const failureSchema = named(
  'FailedEvent',
  z.looseObject({
    name: z.string().describe('of the projection'),
    position: z.string().describe('of the event'),
    eventId: z.string(),
    eventName: z.string(),
    attempts: z.number(),
    error: z.string(),
    code: z.string().nullable().describe('of the engine, where the error is one of its own'),
    sqlstate: z.string().nullable(),
    statement: z.string().nullable(),
    firstAt: z.string().describe('of the first attempt, ISO 8601, UTC'),
    lastAt: z.string().describe('of the last attempt, ISO 8601, UTC'),
    skipped: z
      .looseObject({ at: z.string(), by: z.string(), reason: z.string() })
      .nullable()
      .describe('null: the projection stands before it'),
  }) satisfies z.ZodType<FailureRecord>,
);

export const failuresSchema = named('FailedEvents', z.looseObject({ failures: z.array(failureSchema) }));

const rowSchema = z.record(z.string(), z.string().nullable());
const outcome = {
  outcome: z.enum(['applied', 'failed', 'waiting']),
  error: z.string().nullable().describe('of a failed one, or why it waits'),
  code: z.string().nullable(),
  sqlstate: z.string().nullable(),
  statements: z
    .array(z.looseObject({ text: z.string(), values: z.array(z.string().nullable()) }))
    .describe('in the order run; where one failed, it is the last'),
  moreStatements: z.number(),
};

export const trySchema = named(
  'Try',
  z.looseObject({
    name: z.string(),
    position: z.string(),
    eventId: z.string(),
    eventName: z.string(),
    payload: z.string().describe('JSON as it is stored, to the last digit'),
    ...outcome,
    changes: z.array(
      z.looseObject({
        table: z.string(),
        before: rowSchema.nullable().describe('null: a new row'),
        after: rowSchema.nullable().describe('null: a removed row'),
      }),
    ),
    moreChanges: z.number(),
  }) satisfies z.ZodType<TryReport>,
);

const eventSchema = named(
  'CapsuleEvent',
  z.looseObject({
    position: z.string(),
    id: z.string(),
    instanceId: z.string(),
    aggregateName: z.string(),
    aggregateId: z.string(),
    sequenceNo: z.string(),
    name: z.string(),
    occurredAt: z.string(),
    payload: z.string().describe('JSON, or its beginning where payloadLength is larger'),
    payloadLength: z.number(),
    metadata: z.string().describe('JSON'),
  }),
);

export const capsuleSchema = named(
  'Capsule',
  z.looseObject({
    capsule: z.literal(1),
    engine: z.string(),
    projection: z.looseObject({ name: z.string(), version: z.number(), handles: z.array(z.string()) }),
    event: eventSchema,
    stream: z.looseObject({ before: z.array(eventSchema), after: z.array(eventSchema) }),
    handledBefore: z.array(eventSchema),
    failure: failureSchema,
    attempt: z.looseObject(outcome),
    tables: z.array(
      z.looseObject({
        name: z.string(),
        key: z.array(z.string()),
        unique: z.array(z.array(z.string())),
        columns: z.array(
          z.looseObject({
            name: z.string(),
            type: z.string(),
            oid: z.number(),
            notNull: z.boolean(),
            computed: z.boolean(),
          }),
        ),
        rows: z.array(rowSchema),
        more: z.boolean(),
      }),
    ),
  }) satisfies z.ZodType<Capsule>,
);
