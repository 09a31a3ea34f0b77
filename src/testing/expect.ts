import { AssertionError } from 'node:assert';
import { EngineError } from '../core/errors.ts';
import type { FailedEvent } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Row } from '../core/statement.ts';
import { compareCourses, compareRows, differingTable } from './compare.ts';
import { type Course, told } from './play.ts';
import type { Stage } from './stage.ts';

/** A course, and where it was run. */
export interface Wanted {
  readonly stage: Stage;
  readonly course: Course;
  readonly projection: Projection;
}

/** Rows by table. A table of the tested projection that is left out must be empty; a column that is left out may hold anything. */
export type ExpectedTables = Readonly<Record<string, readonly Row[]>>;

/** @throws AssertionError; EngineError TEST_INVALID for tables and columns that are not there */
export async function expectRows(wanted: Wanted, expected: ExpectedTables): Promise<void> {
  const { failure } = wanted.course;
  if (failure !== null) {
    throw new AssertionError({ message: told(failure), actual: told(failure), expected: 'every event applied' });
  }
  await expectTables(wanted, expected);
}

export async function expectFailure(
  wanted: Wanted,
  what: string | RegExp,
  expected: ExpectedTables | undefined,
): Promise<void> {
  const { failure } = wanted.course;
  if (failure === null) {
    const message = `an event should have failed with ${what}, but every one was applied (${wanted.stage.name})`;
    throw new AssertionError({ message, actual: 'every event applied', expected: `a failure with ${what}` });
  }
  if (!isFailure(failure, what)) {
    throw new AssertionError({
      message: `${told(failure)}: expected was ${what}`,
      actual: told(failure),
      expected: `a failure with ${what}`,
    });
  }
  if (expected !== undefined) await expectTables(wanted, expected);
}

function isFailure({ error, sqlstate, code }: FailedEvent, what: string | RegExp): boolean {
  return typeof what === 'string' ? what === sqlstate || what === code : what.test(error);
}

export function expectNothing({ course, projection, stage }: Wanted): void {
  if (course.failure !== null) throw new AssertionError({ message: told(course.failure) });
  const own = (tables: Course['after']) => new Map([...tables].filter(([name]) => projection.tables.has(name)));
  const table = differingTable(own(course.before), own(course.after));
  if (table === null) return;
  throw new AssertionError({
    message: `nothing should have changed, but '${table}' has (${stage.name})`,
    actual: course.after.get(table),
    expected: course.before.get(table),
    operator: 'thenNothing',
  });
}

async function expectTables({ stage, course, projection }: Wanted, expected: ExpectedTables): Promise<void> {
  for (const [table, rows] of Object.entries(expected)) {
    const known = [...course.after.keys()];
    if (!course.after.has(table)) {
      throw new EngineError('TEST_INVALID', { reason: `there is no table '${table}' here, only ${known.join(', ')}` });
    }
    if (!Array.isArray(rows))
      throw new EngineError('TEST_INVALID', { reason: `the rows of '${table}' are not a list` });
  }
  for (const table of new Set([...projection.tables.keys(), ...Object.keys(expected)])) {
    const mismatch = compareRows(course.after.get(table) ?? [], await stage.toRows(table, expected[table] ?? []));
    if (mismatch === null) continue;
    throw new AssertionError({
      message: `table '${table}' does not hold the rows expected (${stage.name})`,
      ...mismatch,
      operator: 'then',
    });
  }
}

/** @throws AssertionError when two ways of applying the same events disagree */
export function expectSame(
  courses: readonly { readonly stage: Stage; readonly course: Course }[],
  ignore: readonly string[],
): void {
  const [first, ...more] = courses;
  for (const other of first === undefined ? [] : more) {
    const difference = compareCourses(first?.course ?? other.course, other.course, ignore);
    if (difference === null) continue;
    throw new AssertionError({
      message: `applied ${first?.stage.name} and applied ${other.stage.name}, ${difference}: a handler whose outcome depends on anything but the event (the clock, chance, a default of the database) gives other rows at each replay`,
      actual: other.course.after,
      expected: first?.course.after,
    });
  }
}
