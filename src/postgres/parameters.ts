import { Decimal } from '../core/decimal.ts';
import { stringifyJson } from './json.ts';

/**
 * A value as the text that PostgreSQL reads it from; the server knows the type it wants. Arrays become array literals,
 * other objects JSON (every number exact), a Date its instant in UTC, a Decimal its text.
 * @throws TypeError for what is no value: undefined, a function, a symbol, a Date without a time, half a character
 */
export function toParameter(value: unknown): string | Buffer | null {
  if (typeof value === 'string') return wellFormed(value);
  if (value === null) return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') {
    throw new TypeError(`a parameter must be a value, not ${typeof value}; write null for NULL`);
  }
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return toInstant(value);
  if (value instanceof Decimal) return value.text;
  return Array.isArray(value) ? arrayLiteral(value) : stringifyJson(value);
}

/** Half of a pair of surrogates has no UTF-8; on the way to the server it would silently become another character. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a parameter holds a lone surrogate, which PostgreSQL cannot store');
  return text;
}

function toInstant(value: Date): string {
  if (Number.isNaN(value.getTime())) throw new TypeError('a parameter is a Date without a time');
  return value.toISOString();
}

/** PostgreSQL's array literal; with a cast in the statement it becomes an array of any type. */
export function arrayLiteral(values: readonly unknown[]): string {
  // A column of a page: thousands of texts, joined without one for each.
  if (values.length > 0 && values.every(isPlain)) return `{"${values.join('","')}"}`;
  return `{${values.map(element).join(',')}}`;
}

/** Nothing in it has to be escaped or refused. */
function isPlain(value: unknown): boolean {
  return typeof value === 'string' && !/["\\]/.test(value) && value.isWellFormed();
}

function element(value: unknown): string {
  if (typeof value === 'string') return quoteElement(wellFormed(value));
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return arrayLiteral(value);
  if (Buffer.isBuffer(value)) return quoteElement(`\\x${value.toString('hex')}`);
  return quoteElement(String(toParameter(value)));
}

function quoteElement(text: string): string {
  return `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`;
}
