import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import { plain, plainArray } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement } from './invalid-change.ts';

interface ArrayAppend extends Change {
  readonly change: 'arrayAppend';
  readonly element: ArrayElement;
}

/** The column's array with this element at its end, also when it has one like it already. NULL counts as empty. */
export function arrayAppend(element: ArrayElement): ArrayAppend {
  return { [OPERATOR]: true, change: 'arrayAppend', element: checkElement('arrayAppend', element) };
}

export const arrayAppendChange: ChangeDefinition<ArrayAppend> = {
  name: 'arrayAppend',
  // As an array, so that the column's type decides the element's.
  parameter: ({ element }) => arrayLiteral([element]),
  inNewRow: (given) => given,
  inRow: (current, given) => `array_cat(coalesce(${current}, '{}'), ${given})`,
  inMemory: (current, { element }) => [...plainArray(current), plain(element)],
};
