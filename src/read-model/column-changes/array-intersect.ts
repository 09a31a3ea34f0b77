import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import { plain, plainArray, textOf } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement, invalidChange } from './invalid-change.ts';

interface ArrayIntersect extends Change {
  readonly change: 'arrayIntersect';
  readonly elements: readonly ArrayElement[];
}

/** Keeps only the listed elements of the column's array, in its order and with repetitions. NULL becomes the empty array. */
export function arrayIntersect(elements: readonly ArrayElement[]): ArrayIntersect {
  if (!Array.isArray(elements)) throw invalidChange('arrayIntersect', elements, 'give a list');
  const checked = elements.map((element: ArrayElement) => checkElement('arrayIntersect', element));
  return { [OPERATOR]: true, change: 'arrayIntersect', elements: checked };
}

export const arrayIntersectChange: ChangeDefinition<ArrayIntersect> = {
  name: 'arrayIntersect',
  parameter: ({ elements }) => arrayLiteral(elements),
  inNewRow: () => "'{}'",
  inRow: (current, parameter) =>
    `ARRAY(SELECT e FROM unnest(coalesce(${current}, '{}')) WITH ORDINALITY AS u (e, n)` +
    ` WHERE array_position(${parameter}, e) IS NOT NULL ORDER BY n)`,
  inMemory: (current, { elements }) => {
    const kept = new Set(elements.map((element) => textOf(plain(element))));
    return plainArray(current).filter((one) => kept.has(textOf(one)));
  },
};
