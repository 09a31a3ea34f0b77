import { AssertionError } from 'node:assert';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Backend } from './backend.ts';
import {
  type BackendResult,
  type ExpectedTables,
  expectFailure,
  expectNothing,
  expectRows,
  expectSame,
} from './expect.ts';
import { runScenario, type Scenario, type ScenarioResult } from './scenario.ts';

/** The expectations of a spec. Each rejects with an AssertionError that shows the actual rows. */
export interface SpecThen {
  /** Exactly these rows, in any order. */
  then(expected: ExpectedTables): Promise<void>;
  /**
   * One of the events cannot be applied, so that the projection would halt before it. `what`: an SQLSTATE ('23505'), the
   * code of an EngineError ('LOOKUP_MISSED'), or a pattern of the error's text. `expected`: the rows that the events
   * before it leave.
   */
  thenFails(what: string | RegExp, expected?: ExpectedTables): Promise<void>;
  /** The events under test change no row. */
  thenNothing(): Promise<void>;
}

/** Runs the work of one spec with the backends of a kit. No other spec of the kit runs meanwhile. */
export type Runner = <T>(work: (backends: readonly Backend[], signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createThen(runner: Runner, scenario: Scenario, ignore: readonly string[]): SpecThen {
  const check = async (called: Error, judge: (on: BackendResult) => Promise<void>): Promise<void> => {
    try {
      await runner(async (backends, signal) => {
        const results: { readonly backend: Backend; readonly result: ScenarioResult }[] = [];
        for (const backend of backends) {
          const result = await runScenario(backend, scenario, signal);
          results.push({ backend, result });
          await judge({ backend, result, projection: scenario.projection });
        }
        expectSame(results, ignore);
      });
    } catch (error) {
      throw withStackOf(called, error);
    }
  };

  function then(expected: ExpectedTables, reject?: unknown): Promise<void> {
    if (typeof expected === 'function' && typeof reject === 'function') {
      // `await` on the spec itself calls `then` with two functions: the test has no expectation.
      reject(new EngineError('TEST_INVALID', { reason: 'it expects nothing: end it with .then({ table: [rows] })' }));
      return Promise.resolve();
    }
    return check(calledBy(then), (on) => expectRows(on, expected));
  }

  function thenFails(what: string | RegExp, expected?: ExpectedTables): Promise<void> {
    return check(calledBy(thenFails), (on) => expectFailure(on, what, expected));
  }

  function thenNothing(): Promise<void> {
    return check(calledBy(thenNothing), async (on) => expectNothing(on));
  }

  return { then, thenFails, thenNothing };
}

/** An error whose stack begins at the call of the method. */
function calledBy(method: (...parameters: never[]) => unknown): Error {
  const called = new Error();
  Error.captureStackTrace(called, method);
  return called;
}

/** The same error with the stack of the test's line: test runners show the first line of the stack. */
function withStackOf(called: Error, error: unknown): unknown {
  if (error instanceof AssertionError || isEngineError(error)) {
    error.stack = `${error.name}: ${error.message}\n${called.stack?.split('\n').slice(1).join('\n')}`;
  }
  return error;
}
