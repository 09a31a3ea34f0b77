import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { eventIdOf } from './event-id.ts';
import { exactField, parseExactJson } from './exact-json.ts';

const MAX_BIGINT = 2n ** 63n - 1n;

/** With a zone: without one, the instant would depend on the setting of whatever session stores it. */
const TIMESTAMP = /^\d{4,6}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$/i;

const name = z.string({ error: 'must be a text' }).min(1, 'is empty');

const sequenceNo = z.unknown().transform((value, context): bigint => {
  const isNumber = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const number = isNumber || (typeof value === 'string' && /^\d{1,19}$/.test(value)) ? BigInt(value) : -1n;
  if (number >= 0n && number <= MAX_BIGINT) return number;
  context.issues.push({ code: 'custom', input: value, message: 'must be a whole number from 0 to 2^63 - 1' });
  return z.NEVER;
});

const occurredAt = z.string({ error: 'must be a text' }).refine((text) => TIMESTAMP.test(text) && isDate(text), {
  error: 'must be a time with a zone, as 2026-03-01T19:00:00.123456Z',
});

const lineSchema = z.strictObject({
  aggregateName: name,
  aggregateId: name,
  sequenceNo,
  name,
  occurredAt,
  payload: z.unknown().refine((value) => value !== undefined, { error: 'must be there' }),
  id: z.guid({ error: 'must be a UUID' }).toLowerCase().optional(),
  instanceId: z.string({ error: 'must be a text' }).optional(),
  metadata: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
});

const REQUIRED = ['aggregateName', 'aggregateId', 'sequenceNo', 'name', 'occurredAt', 'payload'] as const;

/** An event as a line of a file gives it: `id` is always there. */
export type ImportedEvent = NewEvent & { readonly id: string; readonly sequenceNo: bigint };

/**
 * Reads one line. An event without `id` gets one from its stream and sequence number, so a repeat is known again.
 * @throws EngineError IMPORT_LINE, with `taken` 0: only the caller knows it
 */
export function parseImportLine(text: string, lineNumber: number): ImportedEvent {
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch (error) {
    throw badLine(
      lineNumber,
      `it is not JSON that can be stored: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw badLine(lineNumber, 'it is not an object');
  const fields = json;
  const missing = REQUIRED.find((field) => !Object.hasOwn(fields, field));
  if (missing !== undefined) throw badLine(lineNumber, `${missing} is missing`);
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) throw badLine(lineNumber, whatIsWrong(parsed.error.issues[0]));
  const { id, instanceId, metadata: given, ...event } = parsed.data;
  const metadata = exactField(text, 'metadata') ?? given;
  return {
    ...event,
    payload: exactField(text, 'payload') ?? event.payload,
    id: id ?? eventIdOf({ ...event, instanceId: instanceId ?? '' }),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

export function badLine(line: number, reason: string, taken = 0, cause?: unknown): EngineError {
  return new EngineError(
    'IMPORT_LINE',
    { line, reason: reason.replaceAll(/\s+/g, ' ').slice(0, 300), taken },
    { cause },
  );
}

function whatIsWrong(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is not an event';
  const field = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return `there is no field ${issue.keys.join(', ')}`;
  return `${field} ${issue.message}`;
}

/** 30 February matches the pattern and is no date; 24:00 and leap seconds are left to PostgreSQL. */
function isDate(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split(/[T ]/i, 1).join().split('-').map(Number);
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
