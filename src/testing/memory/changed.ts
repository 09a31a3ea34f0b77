import { isChange } from '../../core/changes.ts';
import { addDecimals, Decimal, isExactNumber, plainDecimal } from '../../core/decimal.ts';
import type { Change, Changes } from '../../core/statement.ts';
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

/**
 * Amounts that are text are added to every digit, as by a numeric column; two fractions that are JavaScript numbers as by
 * double precision.
 */
function sum(current: unknown, by: number | bigint | string): unknown {
  if (isWhole(current) && isWhole(by)) return plain(BigInt(current) + BigInt(by));
  if (typeof current === 'number' && typeof by === 'number') return current + by;
  const exact = addDecimals(written(current), written(by));
  // Where nothing can be added PostgreSQL refuses the statement.
  if (exact === undefined)
    throw Object.assign(new Error(`nothing can be added to ${textOf(current)}`), { code: '22P02' });
  return plainNumber(exact);
}

function written(value: unknown): string {
  return plainDecimal(String(value)) ?? '';
}

/** In the form that equal numbers share: a number where it is one exactly. */
function plainNumber(text: string): unknown {
  const number = Number(text);
  if (Number.isSafeInteger(number) || (!Number.isInteger(number) && isExactNumber(text))) return number;
  return text.includes('.') ? new Decimal(text) : BigInt(text);
}

function isWhole(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
