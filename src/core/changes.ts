import { Decimal, isDecimalText } from './decimal.ts';
import { EngineError } from './errors.ts';
import {
  type ArrayAppend,
  type ArrayElement,
  type ArrayIntersect,
  type ArrayRemove,
  type Change,
  type ColumnValue,
  type Increment,
  type Not,
  OPERATOR,
} from './statement.ts';

/**
 * The column's number plus this one; NULL, and a row that an upsert has to make, count as 0. Give amounts beyond 2^53 as
 * bigint, and decimal amounts that are to be exact as text (`'12.50'`) into a numeric column, which adds them exactly.
 * @throws EngineError CHANGE_INVALID for what is no amount, such as NaN out of a field that the payload lacks
 */
export function increment(by: number | bigint | string | Decimal = 1): Increment {
  if (by instanceof Decimal) return { [OPERATOR]: true, change: 'increment', by: by.text };
  if (typeof by === 'string') {
    if (!isDecimalText(by)) throw invalid('increment', by, "as text give a decimal number, such as '12.50'");
  } else if (typeof by !== 'bigint') {
    if (!Number.isFinite(by)) throw invalid('increment', by, 'give a number, a bigint or a decimal number as text');
    if (Number.isInteger(by) && !Number.isSafeInteger(by))
      throw invalid('increment', by, 'beyond 2^53 a number is not exact, give a bigint');
  }
  return { [OPERATOR]: true, change: 'increment', by };
}

/** The column's array with this element at its end, also when it has one like it already. NULL counts as empty. */
export function arrayAppend(element: ArrayElement): ArrayAppend {
  return { [OPERATOR]: true, change: 'arrayAppend', element: checkElement('arrayAppend', element) };
}

/** The column's array without any element that equals this one. NULL becomes the empty array. */
export function arrayRemove(element: ArrayElement): ArrayRemove {
  return { [OPERATOR]: true, change: 'arrayRemove', element: checkElement('arrayRemove', element) };
}

/** Of the column's array only the elements that are listed, in its own order, repeated ones too. NULL becomes empty. */
export function arrayIntersect(elements: readonly ArrayElement[]): ArrayIntersect {
  if (!Array.isArray(elements)) throw invalid('arrayIntersect', elements, 'give a list');
  const checked = elements.map((element: ArrayElement) => checkElement('arrayIntersect', element));
  return { [OPERATOR]: true, change: 'arrayIntersect', elements: checked };
}

/** In a `where`: every value but this one. */
export function not(value: ColumnValue): Not {
  return { [OPERATOR]: true, not: value };
}

export function isNot(value: unknown): value is Not {
  return isOperator(value) && 'not' in value;
}

export function isChange(value: unknown): value is Change {
  return isOperator(value) && 'change' in value;
}

function isOperator(value: unknown): value is Not | Change {
  return typeof value === 'object' && value !== null && OPERATOR in value;
}

/** The list is sent as PostgreSQL's array literal, where an object or a list in it would become something else. */
function checkElement(change: string, element: ArrayElement): ArrayElement {
  const type: string = typeof element;
  if (
    type === 'undefined' ||
    (type === 'object' && element !== null && !(element instanceof Date) && !(element instanceof Decimal))
  )
    throw invalid(change, element, 'give text, a number, a bigint, a boolean, a Date or null');
  return element;
}

function invalid(change: string, value: unknown, reason: string): EngineError {
  const shown = typeof value === 'object' && value !== null ? 'an object' : String(value).slice(0, 40);
  return new EngineError('CHANGE_INVALID', { change, value: shown, reason });
}
