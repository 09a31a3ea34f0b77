import type { Change } from '../../core/statement.ts';
import { arrayAppendChange } from './array-append.ts';
import { arrayIntersectChange } from './array-intersect.ts';
import { arrayRemoveChange } from './array-remove.ts';
import type { ChangeDefinition } from './change-definition.ts';
import { incrementChange } from './increment.ts';
import { invalidChange } from './invalid-change.ts';

/** Every kind of change of a column; a new kind is one line here. */
const CHANGES: readonly ChangeDefinition[] = [
  incrementChange,
  arrayAppendChange,
  arrayRemoveChange,
  arrayIntersectChange,
];

const BY_NAME: ReadonlyMap<string, ChangeDefinition> = new Map(CHANGES.map((one) => [one.name, one]));

/** @throws EngineError CHANGE_INVALID if this version does not know the change: another version of the package made it */
export function changeDefinition({ change }: Change): ChangeDefinition {
  const found = BY_NAME.get(change);
  if (found === undefined) throw invalidChange(change, change, `this version knows ${[...BY_NAME.keys()].join(', ')}`);
  return found;
}
