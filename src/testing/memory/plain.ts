import type { ColumnValue } from '../../core/statement.ts';
import { stringifyJson } from '../../postgres/json.ts';
import { utcText } from '../stored-event.ts';

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

/** Equal for equal values. */
export function textOf(value: unknown): string {
  return stringifyJson(value);
}
