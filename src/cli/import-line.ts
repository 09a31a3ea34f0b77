import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { UUID_PATTERN } from '../core/uuid.ts';
import { jsonText } from '../postgres/json.ts';
import { eventIdOf } from './event-id.ts';
import { exactField, parseExactJson } from './exact-json.ts';

const MIN_BIGINT = -(2n ** 63n);
const MAX_BIGINT = 2n ** 63n - 1n;

/** With a zone: without one, the instant would depend on the setting of whatever session stores it. */
const TIMESTAMP = /^\d{4,6}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)( BC)?$/i;

const text = z.string({ error: 'must be a text' });

const sequenceNo = z.unknown().transform((value, context): bigint => {
  const isNumber = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const number = isNumber || (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) ? BigInt(value) : null;
  if (number !== null && number >= MIN_BIGINT && number <= MAX_BIGINT) return number;
  context.issues.push({ code: 'custom', input: value, message: NO_SEQUENCE_NUMBER });
  return z.NEVER;
});
const NO_SEQUENCE_NUMBER = 'must be a whole number from 0 to 2^63 - 1';

const occurredAt = text.refine((given) => isTimestamp(given), {
  error: 'must be a time with a zone, as 2026-03-01T19:00:00.123456Z',
});

const lineSchema = z.strictObject({
  aggregateName: text,
  aggregateId: text,
  sequenceNo,
  name: text,
  occurredAt,
  payload: z.unknown().refine((value) => value !== undefined, { error: 'must be there' }),
  id: z.string({ error: 'must be a UUID' }).regex(UUID_PATTERN, { error: 'must be a UUID' }).toLowerCase().optional(),
  instanceId: text.optional(),
  metadata: z.unknown().optional(),
});

const REQUIRED = ['aggregateName', 'aggregateId', 'sequenceNo', 'name', 'occurredAt', 'payload'] as const;

/** An event as a line of a file gives it: `id` is always there. */
export type ImportedEvent = NewEvent & { readonly id: string; readonly sequenceNo: bigint };

/**
 * Reads one line. An event without `id` gets one from its stream and sequence number, so a repeat is known again.
 * @throws EngineError IMPORT_LINE, with `taken` 0: only the caller knows it
 */
export function parseImportLine(line: string, lineNumber: number): ImportedEvent {
  let json: unknown;
  try {
    json = parseExactJson(line);
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
  const { id, instanceId, metadata, ...event } = parsed.data;
  if (id === undefined) {
    const problem = problemOfNew(parsed.data);
    if (problem !== null) throw badLine(lineNumber, problem);
  }
  return {
    ...event,
    payload: exactField(line, 'payload') ?? event.payload,
    id: id ?? eventIdOf({ ...event, instanceId: instanceId ?? '' }),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(metadata !== undefined && { metadata: metadataOf(line, metadata) }),
  };
}

/**
 * What `append` refuses too. A line with an id is the copy of a stored event, and is taken as it stands: SQL may have
 * stored any of this, and an export has to come back.
 */
function problemOfNew({ sequenceNo: number, metadata, ...texts }: z.output<typeof lineSchema>): string | null {
  const empty = (['aggregateName', 'aggregateId', 'name'] as const).find((field) => texts[field] === '');
  if (empty !== undefined) return `${empty} is empty`;
  if (number < 0n) return `sequenceNo ${NO_SEQUENCE_NUMBER}`;
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  return metadata === undefined || isObject ? null : 'metadata must be an object';
}

/** The cast: of an event of the store it may be any JSON. A null would be taken for metadata that was not given. */
function metadataOf(line: string, metadata: unknown): NonNullable<NewEvent['metadata']> {
  const exact = exactField(line, 'metadata') ?? (metadata === null ? jsonText('null') : metadata);
  return exact as NonNullable<NewEvent['metadata']>;
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

/**
 * Every text that PostgreSQL gives for a timestamptz in UTC, and ISO 8601. 30 February matches the pattern and is no date;
 * 24:00 and leap seconds are left to PostgreSQL.
 */
function isTimestamp(given: string): boolean {
  if (given === 'infinity' || given === '-infinity') return true;
  if (!TIMESTAMP.test(given)) return false;
  const [year = 0, month = 0, day = 0] = given.split(/[T ]/i, 1).join().split('-').map(Number);
  if (year === 0) return false;
  // The calendar repeats itself after 400 years; a Date ends before the years of PostgreSQL do.
  const astronomical = / BC$/i.test(given) ? 1 - year : year;
  const date = new Date(Date.UTC(2000 + (astronomical % 400), month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
