import { Decimal, plainDecimal } from '../../core/decimal.ts';
import type { ColumnValue } from '../../core/statement.ts';
import { isUuid } from '../../core/uuid.ts';
import { stringifyJson } from '../../postgres/json.ts';

/** Text for PostgreSQL; null for NULL; undefined if it is not certain that PostgreSQL accepts the value. */
export type Encoded = string | null | undefined;

/**
 * A value as the canonical text of a column's type: equal values have equal texts, and PostgreSQL accepts the text. An
 * uncertain value gives undefined, so that the page runs in order and PostgreSQL decides. This also holds for a value that
 * folding leaves out: PostgreSQL never receives it, and would have failed the event if it were invalid.
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
  ['float8', double],
  ['numeric', numeric],
  ['bool', (value) => (typeof value === 'boolean' ? String(value) : undefined)],
  ['date', (value) => (typeof value === 'string' && isDate(value) ? value : undefined)],
  ['timestamptz', (value) => dateTime(value instanceof Date ? validIso(value) : value)],
  ['jsonb', json],
  ['json', json],
]);

function uuid(value: ColumnValue): string | undefined {
  return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : undefined;
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

/** Without an exponent, so that the texts of equal values differ in their scale alone, as in PostgreSQL. */
function numeric(value: ColumnValue): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string')
    return plainDecimal(String(value));
  return value instanceof Decimal ? plainDecimal(value.text) : undefined;
}

/** PostgreSQL refuses a text that is nearer to zero than a double can be; JavaScript reads it as zero. */
const NEAR_ZERO = 1e-300;

function double(value: ColumnValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  const written = value instanceof Decimal ? value.text : value;
  const plain = typeof written === 'string' ? plainDecimal(written) : undefined;
  if (plain === undefined) return undefined;
  const read = Number(plain);
  return Number.isFinite(read) && Math.abs(read) > NEAR_ZERO ? String(read) : undefined;
}

/** The valid day that was checked last: most times of a page are of the same day. */
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

/** A JSON value that is nested deeper may exceed the server's stack; a longer one, or one with a huge number, may not fit. */
const JSON_DEPTH = 500;
const JSON_LENGTH = 16 * 1024 * 1024;
const MAYBE_HUGE = /\d{1000}|\d[eE][+-]?\d{4}/;

/** jsonb refuses NUL and lone surrogates, which JSON.stringify writes as escapes. */
function json(value: ColumnValue): string | undefined {
  const written = stringifyJson(value);
  if (/\\u(?:0000|d[89a-f])/i.test(written) || written.length > JSON_LENGTH) return undefined;
  if (written.length > JSON_DEPTH && isDeep(written)) return undefined;
  return MAYBE_HUGE.test(written) && holdsHuge(value) ? undefined : written;
}

function isDeep(written: string): boolean {
  let opened = 0;
  for (let index = 0; index < written.length && opened <= JSON_DEPTH; index += 1) {
    const character = written[index];
    if (character === '[' || character === '{') opened += 1;
  }
  if (opened <= JSON_DEPTH) return false;
  let depth = 0;
  for (const [bracket] of written.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"/g, '').matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > JSON_DEPTH) return true;
  }
  return false;
}

function holdsHuge(value: unknown): boolean {
  for (const rest = [value]; rest.length > 0; ) {
    const part = rest.pop();
    if (typeof part === 'bigint' || part instanceof Decimal) {
      if (plainDecimal(String(part)) === undefined) return true;
    } else if (typeof part === 'object' && part !== null) rest.push(...(Object.values(part) as unknown[]));
  }
  return false;
}
