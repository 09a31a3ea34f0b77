import type { ColumnValue } from '../../core/statement.ts';
import { stringifyJson } from '../../store/json.ts';

/** Text for PostgreSQL, NULL, or undefined: it is not certain that the database would take it. */
export type Encoded = string | null | undefined;

/**
 * A value as the canonical text of a column's type: two equal values give the same text, and PostgreSQL is certain to
 * take it. Whatever is in doubt gives undefined, and the page runs in order, where PostgreSQL itself decides.
 * (A value that folding leaves out is never seen by PostgreSQL, and yet must have been acceptable.)
 */
export function encode(plainType: string | null, value: ColumnValue): Encoded {
  if (value === null) return null;
  return ENCODERS.get(plainType)?.(value);
}

type Encoder = (value: Exclude<ColumnValue, null>) => string | undefined;

const ENCODERS: ReadonlyMap<string | null, Encoder> = new Map<string, Encoder>([
  ['uuid', uuid],
  ['text', text],
  ['varchar', text],
  ['int2', (value) => integer(value, 2n ** 15n)],
  ['int4', (value) => integer(value, 2n ** 31n)],
  ['int8', (value) => integer(value, 2n ** 63n)],
  ['float8', (value) => (Number.isFinite(value) ? String(value) : undefined)],
  ['numeric', (value) => (typeof value === 'bigint' || Number.isFinite(value) ? String(value) : undefined)],
  ['bool', (value) => (typeof value === 'boolean' ? String(value) : undefined)],
  ['date', (value) => (typeof value === 'string' && isDate(value) ? value : undefined)],
  ['timestamptz', (value) => dateTime(value instanceof Date ? validIso(value) : value)],
  ['jsonb', json],
  ['json', json],
]);

function uuid(value: ColumnValue): string | undefined {
  const known =
    typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value);
  return known ? value.toLowerCase() : undefined;
}

function text(value: ColumnValue): string | undefined {
  return typeof value === 'string' && !value.includes('\u0000') && !/\p{Surrogate}/u.test(value) ? value : undefined;
}

function integer(value: ColumnValue, limit: bigint): string | undefined {
  const exact =
    typeof value === 'bigint'
      ? value
      : typeof value === 'number' && Number.isSafeInteger(value)
        ? BigInt(value)
        : decimal(value);
  return exact !== undefined && exact >= -limit && exact < limit ? String(exact) : undefined;
}

function decimal(value: ColumnValue): bigint | undefined {
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
}

function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (year === undefined || year === '0000') return false;
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= last;
}

function dateTime(value: ColumnValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, date, hour, minute, second] = /^(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?Z$/.exec(value) ?? [];
  if (date === undefined || !isDate(date)) return undefined;
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60 ? value : undefined;
}

function validIso(value: Date): string | undefined {
  return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
}

/** jsonb refuses NUL and half surrogates, which JSON.stringify writes as escapes. */
function json(value: ColumnValue): string | undefined {
  const written = stringifyJson(value);
  return /\\u(?:0000|d[89a-f])/i.test(written) ? undefined : written;
}
