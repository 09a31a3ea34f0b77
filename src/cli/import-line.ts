import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { UUID_PATTERN } from '../core/uuid.ts';
import { jsonText } from '../postgres/json.ts';
import { exactField, parseExactJson } from './exact-json.ts';

const MIN_BIGINT = -(2n ** 63n);
const MAX_BIGINT = 2n ** 63n - 1n;

/** With a zone: without one, the instant would depend on the time zone of the session that stores it. */
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

/** An event of a line; `id` is never absent. */
export type ImportedEvent = NewEvent & { readonly id: string; readonly sequenceNo: bigint };

/**
 * Parses one line. An event without `id` gets one from its stream and sequence number, so a repeat has the same id.
 * @throws EngineError IMPORT_LINE, with `taken` 0: the caller knows the number
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
  if (!parsed.success) throw badLine(lineNumber, problemOf(parsed.error.issues[0]));
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
 * Why `append` would refuse a new event; null when it would not. A line with an id is the copy of a stored event and is
 * not checked: SQL may have stored any of this, and every export can be imported.
 */
function problemOfNew({ sequenceNo: number, metadata, ...texts }: z.output<typeof lineSchema>): string | null {
  const empty = (['aggregateName', 'aggregateId', 'name'] as const).find((field) => texts[field] === '');
  if (empty !== undefined) return `${empty} is empty`;
  if (number < 0n) return `sequenceNo ${NO_SEQUENCE_NUMBER}`;
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  return metadata === undefined || isObject ? null : 'metadata must be an object';
}

/** The cast: metadata of a stored event may be any JSON. The value null would mean absent metadata, so it becomes JSON text. */
function metadataOf(line: string, metadata: unknown): NonNullable<NewEvent['metadata']> {
  const exact = exactField(line, 'metadata') ?? (metadata === null ? jsonText('null') : metadata);
  return exact as NonNullable<NewEvent['metadata']>;
}

/** The namespace of ids that are derived from a stream and a sequence number. Another one would import every such file twice. */
const NAMESPACE = Buffer.from('5b1d7a0e6c0f5a4c9c8d3f6f2a7b9e41', 'hex');

/** UUIDv5 of the stream and the number, so that a line gets the same id in each import. */
export function eventIdOf(event: {
  readonly instanceId: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
}): string {
  // JSON: each separator may occur in one of the texts.
  const name = JSON.stringify([event.instanceId, event.aggregateName, event.aggregateId, event.sequenceNo.toString()]);
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** @param taken events before the line that were imported or skipped */
export function badLine(line: number, reason: string, taken = 0, cause?: unknown): EngineError {
  return new EngineError(
    'IMPORT_LINE',
    { line, reason: reason.replaceAll(/\s+/g, ' ').slice(0, 300), taken },
    { cause },
  );
}

function problemOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is not an event';
  const field = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return `there is no field ${issue.keys.join(', ')}`;
  return `${field} ${issue.message}`;
}

/**
 * Accepts each text that PostgreSQL writes for a timestamptz in UTC, and ISO 8601. The pattern accepts 30 February, so the
 * date is checked. PostgreSQL checks 24:00 and leap seconds.
 */
function isTimestamp(given: string): boolean {
  if (given === 'infinity' || given === '-infinity') return true;
  if (!TIMESTAMP.test(given)) return false;
  const [year = 0, month = 0, day = 0] = given.split(/[T ]/i, 1).join().split('-').map(Number);
  if (year === 0) return false;
  // The calendar repeats after 400 years. A Date cannot hold the last years of PostgreSQL.
  const astronomical = / BC$/i.test(given) ? 1 - year : year;
  const date = new Date(Date.UTC(2000 + (astronomical % 400), month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
