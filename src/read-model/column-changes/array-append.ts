import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import { plain, plainArray } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement } from './invalid-change.ts';

interface ArrayAppend extends Change {
  readonly change: 'arrayAppend';
  readonly element: ArrayElement;
}

/** Appends the element to the column's array, also if the array contains it already. NULL counts as the empty array. */
export function arrayAppend(element: ArrayElement): ArrayAppend {
  return { [OPERATOR]: true, change: 'arrayAppend', element: checkElement('arrayAppend', element) };
}

export const arrayAppendChange: ChangeDefinition<ArrayAppend> = {
  name: 'arrayAppend',
  // Sent as an array, so that the column's type determines the element's type.
  parameter: ({ element }) => arrayLiteral([element]),
  inNewRow: (parameter) => parameter,
  inRow: (current, parameter) => `array_cat(coalesce(${current}, '{}'), ${parameter})`,
  inMemory: (current, { element }) => [...plainArray(current), plain(element)],
};
