import { isDeepStrictEqual } from 'node:util';
import type { Course, Tables } from './play.ts';
import type { TestRow } from './stage.ts';

/** Two lists of rows side by side, as an assertion shows them: null when they agree. */
export interface Mismatch {
  readonly actual: readonly TestRow[];
  readonly expected: readonly TestRow[];
}

/**
 * Are the rows exactly these, in any order? A column that an expected row leaves out may hold anything.
 * In a mismatch, rows that agree stand at the same place in both lists; columns that were not asked for are not shown.
 */
export function compareRows(actual: readonly TestRow[], expected: readonly TestRow[]): Mismatch | null {
  const partner = pairUp(actual, expected);
  const taken = new Set(partner.filter((index) => index !== null));
  const extra = actual.filter((_, index) => !taken.has(index));
  if (!partner.includes(null) && extra.length === 0) return null;
  const shown = expected.map((row, place) => {
    const index = partner[place] ?? null;
    const found = index === null ? extra.shift() : actual[index];
    return found === undefined ? [] : [pick(found, row)];
  });
  return { actual: [...shown.flat(), ...extra], expected };
}

/** For each expected row the index of an actual one of its own, as many as can have one (Kuhn's augmenting paths). */
function pairUp(actual: readonly TestRow[], expected: readonly TestRow[]): readonly (number | null)[] {
  const takenBy = new Map<number, number>();
  const place = (wanted: number, tried: Set<number>): boolean => {
    for (const [index, row] of actual.entries()) {
      if (tried.has(index) || !fits(row, expected[wanted] ?? {})) continue;
      tried.add(index);
      const former = takenBy.get(index);
      if (former === undefined || place(former, tried)) {
        takenBy.set(index, wanted);
        return true;
      }
    }
    return false;
  };
  for (const wanted of expected.keys()) place(wanted, new Set());
  const partner: (number | null)[] = expected.map(() => null);
  for (const [index, wanted] of takenBy) partner[wanted] = index;
  return partner;
}

/** A column that the row does not have at all is NULL: memory knows only the columns that were written. */
function fits(row: TestRow, wanted: TestRow): boolean {
  return Object.entries(wanted).every(([column, value]) => isDeepStrictEqual(row[column] ?? null, value ?? null));
}

function pick(row: TestRow, like: TestRow): TestRow {
  return Object.fromEntries(Object.keys(like).map((column) => [column, row[column] ?? null]));
}

/** Where two ways of applying the same events come to different ends, in words; null when they agree. */
export function compareCourses(one: Course, other: Course, ignore: readonly string[]): string | null {
  if (one.failure?.position !== other.failure?.position) return 'different events fail';
  for (const part of ['before', 'after'] as const) {
    const table = differingTable(one[part], other[part], ignore);
    if (table !== null) return `the rows of '${table}' differ`;
  }
  return null;
}

export function differingTable(some: Tables, others: Tables, ignore: readonly string[] = []): string | null {
  for (const [table, rows] of some) {
    const left = rows.map((row) => without(row, ignore));
    const right = (others.get(table) ?? []).map((row) => without(row, ignore));
    if (isDeepStrictEqual(left, right)) continue;
    if (compareRows(left, right) !== null || compareRows(right, left) !== null) return table;
  }
  return null;
}

function without(row: TestRow, ignore: readonly string[]): TestRow {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !ignore.includes(column)));
}
