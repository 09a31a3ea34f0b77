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

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function uuid(value: ColumnValue): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (UUID.test(value)) return value;
  const lower = value.toLowerCase();
  return UUID.test(lower) ? lower : undefined;
}

function text(value: ColumnValue): string | undefined {
  return typeof value === 'string' && !value.includes('\u0000') && value.isWellFormed() ? value : undefined;
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

/** The last day that was found to be one: the times of a page are mostly of one. */
let validDay = '';

function isDate(text: string): boolean {
  if (text === validDay) return true;
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (year === undefined || year === '0000') return false;
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const valid = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= last;
  if (valid) validDay = text;
  return valid;
}

function dateTime(value: ColumnValue | undefined): string | undefined {
  const written =
    typeof value === 'string' && /^[\d-]{10}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z$/.test(value);
  return written && isDate(value.slice(0, 10)) ? value : undefined;
}

function validIso(value: Date): string | undefined {
  return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
}

/** jsonb refuses NUL and half surrogates, which JSON.stringify writes as escapes. */
function json(value: ColumnValue): string | undefined {
  const written = stringifyJson(value);
  return /\\u(?:0000|d[89a-f])/i.test(written) ? undefined : written;
}
