import type { ColumnValue } from '../core/statement.ts';
import { stringifyJson } from '../postgres/json.ts';

/**
 * A value in the one form that equal values share in memory, where nothing is known of column types: a Date and the
 * text of a time in UTC with microseconds, a bigint that a number can hold as a number, undefined as null.
 */
export function plain(value: ColumnValue | undefined): unknown {
  if (value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Date) return utcText(value.toISOString());
  return typeof value === 'string' ? utcText(value) : value;
}

/** NULL is the empty array. */
export function plainArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Equal for equal values. */
export function textOf(value: unknown): string {
  return stringifyJson(value);
}

/** `2026-03-01T19:00:00Z` with all six digits of microseconds, as an event has it; any other text as it is. */
export function utcText(text: string): string {
  const [, seconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text) ?? [];
  return seconds === undefined ? text : `${seconds}.${fraction.padEnd(6, '0')}Z`;
}
