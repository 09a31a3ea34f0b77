import type { ColumnValue } from '../core/statement.ts';
import { stringifyJson } from '../postgres/json.ts';

/**
 * Normalizes a value to the form that equal values share in memory, where column types are not known: a Date and the text
 * of a UTC time become the text with microseconds, a bigint that a number holds exactly becomes a number, undefined null.
 */
export function plain(value: ColumnValue | undefined): unknown {
  if (value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Date) return utcText(value.toISOString());
  return typeof value === 'string' ? utcText(value) : value;
}

/** The elements of an array column; NULL counts as the empty array. */
export function plainArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Text to compare plain values by: equal values have equal texts. */
export function textOf(value: unknown): string {
  return stringifyJson(value);
}

/** `2026-03-01T19:00:00Z` with all six digits of microseconds, as in an event; any other text unchanged. */
export function utcText(text: string): string {
  const [, seconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text) ?? [];
  return seconds === undefined ? text : `${seconds}.${fraction.padEnd(6, '0')}Z`;
}
