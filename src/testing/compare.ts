import { isDeepStrictEqual } from 'node:util';
import type { TestRow } from './backend.ts';
import type { ScenarioResult, Tables } from './scenario.ts';

/** Two lists of rows, as an assertion shows them side by side. */
export interface Mismatch {
  readonly actual: readonly TestRow[];
  readonly expected: readonly TestRow[];
}

/**
 * Compares rows with the expected ones, in any order. A column that an expected row leaves out may hold any value.
 * @returns null when the rows are exactly these. In a mismatch, rows that agree have the same index in both lists, and
 * columns that the expected rows do not name are left out.
 */
export function compareRows(actual: readonly TestRow[], expected: readonly TestRow[]): Mismatch | null {
  const matches = matchRows(actual, expected);
  const matched = new Set(matches.filter((index) => index !== null));
  const extra = actual.filter((_, index) => !matched.has(index));
  if (!matches.includes(null) && extra.length === 0) return null;
  const aligned = expected.map((row, expectedIndex) => {
    const index = matches[expectedIndex] ?? null;
    const found = index === null ? extra.shift() : actual[index];
    return found === undefined ? [] : [pick(found, row)];
  });
  return { actual: [...aligned.flat(), ...extra], expected };
}

/**
 * A maximum matching of expected and actual rows (Kuhn's augmenting paths).
 * @returns for each expected row the index of its actual row, or null
 */
function matchRows(actual: readonly TestRow[], expected: readonly TestRow[]): readonly (number | null)[] {
  /** Index of an actual row to the index of the expected row that it is matched with. */
  const matchedWith = new Map<number, number>();
  const assign = (wanted: number, tried: Set<number>): boolean => {
    for (const [index, row] of actual.entries()) {
      if (tried.has(index) || !fits(row, expected[wanted] ?? {})) continue;
      tried.add(index);
      const former = matchedWith.get(index);
      if (former === undefined || assign(former, tried)) {
        matchedWith.set(index, wanted);
        return true;
      }
    }
    return false;
  };
  for (const wanted of expected.keys()) assign(wanted, new Set());
  const matches: (number | null)[] = expected.map(() => null);
  for (const [index, wanted] of matchedWith) matches[wanted] = index;
  return matches;
}

/** A column that the row lacks counts as NULL: a table in memory has only the columns that were written. */
function fits(row: TestRow, wanted: TestRow): boolean {
  return Object.entries(wanted).every(([column, value]) => isDeepStrictEqual(row[column] ?? null, value ?? null));
}

function pick(row: TestRow, like: TestRow): TestRow {
  return Object.fromEntries(Object.keys(like).map((column) => [column, row[column] ?? null]));
}

/** Describes the first difference between two results of the same scenario; null when they agree. */
export function compareResults(one: ScenarioResult, other: ScenarioResult, ignore: readonly string[]): string | null {
  if (one.failure?.position !== other.failure?.position) return 'different events fail';
  for (const moment of ['before', 'after'] as const) {
    const table = differingTable(one[moment], other[moment], ignore);
    if (table !== null) return `the rows of '${table}' differ`;
  }
  return null;
}

/** The name of the first table whose rows differ, the columns of `ignore` left out; null when all agree. */
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
