import { EngineError } from './errors.ts';

/** `__proto__` is no key of an ordinary object: a row could not hold a column of that name. */
const PATTERN = /^(?!__proto__$)[a-z_][a-z0-9_]{0,62}$/;

/**
 * The one place that decides what may name a projection, table or column. PostgreSQL cuts longer names at 63 bytes
 * without an error, so two that differ after that would be one.
 * @throws EngineError IDENTIFIER_INVALID
 */
export function checkIdentifier(what: 'projection' | 'table' | 'column' | 'schema', value: string): string {
  if (typeof value !== 'string' || !PATTERN.test(value)) {
    throw new EngineError('IDENTIFIER_INVALID', { what, value: String(value).slice(0, 80) });
  }
  return value;
}

/** Whether a statement can name a column so. */
export function isIdentifier(value: string): boolean {
  return PATTERN.test(value);
}

/** Quoted for SQL. Call it on every identifier that goes into a statement's text. */
export function quoteIdentifier(value: string): string {
  return `"${checkIdentifier('column', value)}"`;
}
