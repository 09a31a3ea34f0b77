import { Decimal } from '../core/decimal.ts';
import { stringifyJson } from './json.ts';

/**
 * Encodes a value as the text of a parameter; the server knows its type. Arrays become array literals, other objects JSON
 * with exact numbers, a Date its instant in UTC, a Decimal its text. A Buffer is sent as bytes.
 * @throws TypeError for undefined, a function, a symbol, an invalid Date, and text with a lone surrogate
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

/** A lone surrogate has no UTF-8 form: its encoding would silently replace it by another character. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a parameter holds a lone surrogate, which PostgreSQL cannot store');
  return text;
}

function toInstant(value: Date): string {
  if (Number.isNaN(value.getTime())) throw new TypeError('a parameter is a Date without a time');
  return value.toISOString();
}

/** A PostgreSQL array literal. With a cast in the statement it becomes an array of any type. */
export function arrayLiteral(values: readonly unknown[]): string {
  // A column of a page has thousands of texts, which are joined without a copy of each.
  if (values.length > 0 && values.every(isPlain)) return `{"${values.join('","')}"}`;
  return `{${values.map(element).join(',')}}`;
}

/** A text that needs no escape and is not refused. */
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
