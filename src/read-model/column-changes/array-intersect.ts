import { type ArrayElement, type Change, OPERATOR } from '../../core/statement.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import { plain, plainArray, textOf } from '../plain-value.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { checkElement, invalidChange } from './invalid-change.ts';

interface ArrayIntersect extends Change {
  readonly change: 'arrayIntersect';
  readonly elements: readonly ArrayElement[];
}

/** Of the column's array only the elements that are listed, in its own order, repeated ones too. NULL becomes empty. */
export function arrayIntersect(elements: readonly ArrayElement[]): ArrayIntersect {
  if (!Array.isArray(elements)) throw invalidChange('arrayIntersect', elements, 'give a list');
  const checked = elements.map((element: ArrayElement) => checkElement('arrayIntersect', element));
  return { [OPERATOR]: true, change: 'arrayIntersect', elements: checked };
}

export const arrayIntersectChange: ChangeDefinition<ArrayIntersect> = {
  name: 'arrayIntersect',
  parameter: ({ elements }) => arrayLiteral(elements),
  inNewRow: () => "'{}'",
  inRow: (current, given) =>
    `ARRAY(SELECT e FROM unnest(coalesce(${current}, '{}')) WITH ORDINALITY AS u (e, n)` +
    ` WHERE array_position(${given}, e) IS NOT NULL ORDER BY n)`,
  inMemory: (current, { elements }) => {
    const kept = new Set(elements.map((element) => textOf(plain(element))));
    return plainArray(current).filter((one) => kept.has(textOf(one)));
  },
};
