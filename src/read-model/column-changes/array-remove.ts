import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { plain, plainArray, textOf } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement } from './invalid-change.ts';

interface ArrayRemove extends Change {
  readonly change: 'arrayRemove';
  readonly element: ArrayElement;
}

/** The column's array without any element that equals this one. NULL becomes the empty array. */
export function arrayRemove(element: ArrayElement): ArrayRemove {
  return { [OPERATOR]: true, change: 'arrayRemove', element: checkElement('arrayRemove', element) };
}

export const arrayRemoveChange: ChangeDefinition<ArrayRemove> = {
  name: 'arrayRemove',
  parameter: ({ element }) => element,
  inNewRow: () => "'{}'",
  inRow: (current, given) => `array_remove(coalesce(${current}, '{}'), ${given})`,
  inMemory: (current, { element }) => plainArray(current).filter((one) => textOf(one) !== textOf(plain(element))),
};
