import { isChange } from '../../core/changes.ts';
import type { Change, Changes, ColumnValue } from '../../core/statement.ts';
import { plain, textOf } from './plain.ts';

type OpenRow = Record<string, unknown>;

/** The new values of a row, as PostgreSQL makes them of the ones that it has; of an empty row for one that is made. */
export function applyChanges(current: OpenRow, changes: Changes): OpenRow {
  return Object.fromEntries(
    Object.entries(changes).map(([column, value]) => [
      column,
      isChange(value) ? changed(current[column] ?? null, value) : plain(value),
    ]),
  );
}

function changed(current: unknown, change: Change): unknown {
  switch (change.change) {
    case 'increment':
      return sum(current ?? 0, change.by);
    case 'arrayAppend':
      return [...listOf(current), plain(change.element)];
    case 'arrayRemove':
      return listOf(current).filter((element) => textOf(element) !== textOf(plain(change.element)));
    case 'arrayIntersect': {
      const kept = new Set(change.elements.map((element) => textOf(plain(element))));
      return listOf(current).filter((element) => kept.has(textOf(element)));
    }
  }
}

function sum(current: unknown, by: number | bigint): unknown {
  const whole = isWhole(current) && isWhole(by);
  return plain((whole ? BigInt(current) + BigInt(by) : Number(current) + Number(by)) satisfies ColumnValue);
}

function isWhole(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
