import { Decimal } from '../../core/decimal.ts';
import { EngineError } from '../../core/errors.ts';
import type { ArrayElement } from '../../core/statement.ts';

export function invalidChange(change: string, value: unknown, reason: string): EngineError {
  const shown = typeof value === 'object' && value !== null ? 'an object' : String(value).slice(0, 40);
  return new EngineError('CHANGE_INVALID', { change, value: shown, reason });
}

/**
 * Checks one element of an array change. The array is sent as a PostgreSQL array literal, in which an object or a nested
 * array would become another value.
 * @throws EngineError CHANGE_INVALID
 */
export function checkElement(change: string, element: ArrayElement): ArrayElement {
  const type: string = typeof element;
  if (
    type === 'undefined' ||
    (type === 'object' && element !== null && !(element instanceof Date) && !(element instanceof Decimal))
  )
    throw invalidChange(change, element, 'give text, a number, a bigint, a boolean, a Date or null');
  return element;
}
