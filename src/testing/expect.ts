import { AssertionError } from 'node:assert';
import { EngineError } from '../core/errors.ts';
import type { FailedEvent } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Row } from '../core/statement.ts';
import type { Backend } from './backend.ts';
import { compareResults, compareRows, differingTable } from './compare.ts';
import { describeFailure, type ScenarioResult } from './scenario.ts';

/** The result of a scenario of `projection`, and the backend that produced it. */
export interface BackendResult {
  readonly backend: Backend;
  readonly result: ScenarioResult;
  readonly projection: Projection;
}

/** Rows by table. A table of the tested projection that is left out must be empty; a column that is left out may hold any value. */
export type ExpectedTables = Readonly<Record<string, readonly Row[]>>;

/** @throws AssertionError; EngineError TEST_INVALID for tables and columns that do not exist */
export async function expectRows(wanted: BackendResult, expected: ExpectedTables): Promise<void> {
  const { failure } = wanted.result;
  if (failure !== null) {
    throw new AssertionError({
      message: describeFailure(failure),
      actual: describeFailure(failure),
      expected: 'every event applied',
    });
  }
  await expectTables(wanted, expected);
}

export async function expectFailure(
  wanted: BackendResult,
  what: string | RegExp,
  expected: ExpectedTables | undefined,
): Promise<void> {
  const { failure } = wanted.result;
  if (failure === null) {
    const message = `an event should have failed with ${what}, but every one was applied (${wanted.backend.name})`;
    throw new AssertionError({ message, actual: 'every event applied', expected: `a failure with ${what}` });
  }
  if (!isFailure(failure, what)) {
    throw new AssertionError({
      message: `${describeFailure(failure)}: expected was ${what}`,
      actual: describeFailure(failure),
      expected: `a failure with ${what}`,
    });
  }
  if (expected !== undefined) await expectTables(wanted, expected);
}

function isFailure({ error, sqlstate, code }: FailedEvent, what: string | RegExp): boolean {
  return typeof what === 'string' ? what === sqlstate || what === code : what.test(error);
}

export function expectNothing({ result, projection, backend }: BackendResult): void {
  if (result.failure !== null) throw new AssertionError({ message: describeFailure(result.failure) });
  const own = (tables: ScenarioResult['after']) => new Map([...tables].filter(([name]) => projection.tables.has(name)));
  const table = differingTable(own(result.before), own(result.after));
  if (table === null) return;
  throw new AssertionError({
    message: `nothing should have changed, but '${table}' has (${backend.name})`,
    actual: result.after.get(table),
    expected: result.before.get(table),
    operator: 'thenNothing',
  });
}

async function expectTables({ backend, result, projection }: BackendResult, expected: ExpectedTables): Promise<void> {
  for (const [table, rows] of Object.entries(expected)) {
    const known = [...result.after.keys()];
    if (!result.after.has(table)) {
      throw new EngineError('TEST_INVALID', { reason: `there is no table '${table}' here, only ${known.join(', ')}` });
    }
    if (!Array.isArray(rows))
      throw new EngineError('TEST_INVALID', { reason: `the rows of '${table}' are not a list` });
  }
  for (const table of new Set([...projection.tables.keys(), ...Object.keys(expected)])) {
    const mismatch = compareRows(result.after.get(table) ?? [], await backend.toRows(table, expected[table] ?? []));
    if (mismatch === null) continue;
    throw new AssertionError({
      message: `table '${table}' does not hold the rows expected (${backend.name})`,
      ...mismatch,
      operator: 'then',
    });
  }
}

/** @throws AssertionError when two backends applied the same events with different results */
export function expectSame(
  results: readonly { readonly backend: Backend; readonly result: ScenarioResult }[],
  ignore: readonly string[],
): void {
  const [first, ...more] = results;
  for (const other of first === undefined ? [] : more) {
    const difference = compareResults(first?.result ?? other.result, other.result, ignore);
    if (difference === null) continue;
    throw new AssertionError({
      message: `applied ${first?.backend.name} and applied ${other.backend.name}, ${difference}: a handler whose outcome depends on anything but the event (the clock, a random number, a default of the database) writes other rows at each replay`,
      actual: other.result.after,
      expected: first?.result.after,
    });
  }
}
