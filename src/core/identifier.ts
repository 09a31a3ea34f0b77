import { EngineError } from './errors.ts';

/** Without `__proto__`, which is no key of an ordinary object: a row could not hold a column of that name. */
const PATTERN = /^(?!__proto__$)[a-z_][a-z0-9_]{0,62}$/;

/**
 * Checks the name of a projection, table, column or schema. PostgreSQL cuts longer names at 63 bytes without an error, so
 * two names that differ after that would be one.
 * @returns the name
 * @throws EngineError IDENTIFIER_INVALID
 */
export function checkIdentifier(what: 'projection' | 'table' | 'column' | 'schema', value: string): string {
  if (typeof value !== 'string' || !PATTERN.test(value)) {
    throw new EngineError('IDENTIFIER_INVALID', { what, value: String(value).slice(0, 80) });
  }
  return value;
}

/** Whether the text may name a column. */
export function isIdentifier(value: string): boolean {
  return PATTERN.test(value);
}

/** Quotes a name for SQL. Every identifier in the text of a statement passes through it. */
export function quoteIdentifier(value: string): string {
  return `"${checkIdentifier('column', value)}"`;
}
