import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { plain, plainArray, textOf } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement } from './invalid-change.ts';

interface ArrayRemove extends Change {
  readonly change: 'arrayRemove';
  readonly element: ArrayElement;
}

/** Removes every element that equals this one from the column's array. NULL becomes the empty array. */
export function arrayRemove(element: ArrayElement): ArrayRemove {
  return { [OPERATOR]: true, change: 'arrayRemove', element: checkElement('arrayRemove', element) };
}

export const arrayRemoveChange: ChangeDefinition<ArrayRemove> = {
  name: 'arrayRemove',
  parameter: ({ element }) => element,
  inNewRow: () => "'{}'",
  inRow: (current, parameter) => `array_remove(coalesce(${current}, '{}'), ${parameter})`,
  inMemory: (current, { element }) => plainArray(current).filter((one) => textOf(one) !== textOf(plain(element))),
};
