import { AssertionError } from 'node:assert';
import { EngineError, isEngineError } from '../core/errors.ts';
import { type ExpectedTables, expectFailure, expectNothing, expectRows, expectSame, type Wanted } from './expect.ts';
import { type Course, play, type Scenario } from './play.ts';
import type { Stage } from './stage.ts';

/** What must have come of it. Each rejects with an AssertionError that says what is there instead. */
export interface SpecThen {
  /** Exactly these rows, in any order. */
  then(expected: ExpectedTables): Promise<void>;
  /**
   * One of the events cannot be applied, so that the projection would halt before it. `what`: an SQLSTATE ('23505'), an
   * engine's code ('LOOKUP_MISSED'), or a pattern of the error's text. `expected`: the rows that the events before it left.
   */
  thenFails(what: string | RegExp, expected?: ExpectedTables): Promise<void>;
  /** Every row is as it was. */
  thenNothing(): Promise<void>;
}

/** Where a spec is carried out: on each of the stages in turn, and no other spec meanwhile. */
export type Bench = <T>(work: (stages: readonly Stage[], signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createThen(bench: Bench, scenario: Scenario, ignore: readonly string[]): SpecThen {
  const hold = async (called: Error, judge: (wanted: Wanted) => Promise<void>): Promise<void> => {
    try {
      await bench(async (stages, signal) => {
        const courses: { readonly stage: Stage; readonly course: Course }[] = [];
        for (const stage of stages) {
          const course = await play(stage, scenario, signal);
          courses.push({ stage, course });
          await judge({ stage, course, projection: scenario.projection });
        }
        expectSame(courses, ignore);
      });
    } catch (error) {
      throw withStackOf(called, error);
    }
  };

  function then(expected: ExpectedTables, reject?: unknown): Promise<void> {
    if (typeof expected === 'function' && typeof reject === 'function') {
      // `await` took the test for a promise, so nothing has been asked of it.
      reject(new EngineError('TEST_INVALID', { reason: 'it expects nothing: end it with .then({ table: [rows] })' }));
      return Promise.resolve();
    }
    return hold(calledBy(then), (wanted) => expectRows(wanted, expected));
  }

  function thenFails(what: string | RegExp, expected?: ExpectedTables): Promise<void> {
    return hold(calledBy(thenFails), (wanted) => expectFailure(wanted, what, expected));
  }

  function thenNothing(): Promise<void> {
    return hold(calledBy(thenNothing), async (wanted) => expectNothing(wanted));
  }

  return { then, thenFails, thenNothing };
}

/** Knows the line that called the method. */
function calledBy(method: (...parameters: never[]) => unknown): Error {
  const called = new Error();
  Error.captureStackTrace(called, method);
  return called;
}

/** The same error, as if it came from the line of the test: runners show the first line of the stack. */
function withStackOf(called: Error, error: unknown): unknown {
  if (error instanceof AssertionError || isEngineError(error)) {
    error.stack = `${error.name}: ${error.message}\n${called.stack?.split('\n').slice(1).join('\n')}`;
  }
  return error;
}
