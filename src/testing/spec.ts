import type { EventShape, Projection } from '../core/projection.ts';
import type { Scenario } from './scenario.ts';
import { createThen, type Runner, type SpecThen } from './spec-then.ts';
import { createCompletion, type TestEvent } from './test-event.ts';

export interface SpecOptions<Others extends readonly Projection[] = readonly Projection[]> {
  /** Projections in whose tables this one looks rows up. They apply the same events. */
  readonly with?: Others;
  /**
   * Columns that may differ each time the events are applied, such as `DEFAULT now()`. All others must have the same
   * values in every mode in which the engine applies events; otherwise a replay would change them.
   */
  readonly ignore?: readonly string[];
}

/** The beginning of a test. */
export interface Spec<E extends EventShape> {
  /** Events that happened before. Without `when` they are the events under test. */
  given(...events: readonly TestEvent<E>[]): SpecGiven<E>;
  /** The events under test. `context.replaying` is true for those of `given`, false for these. */
  when(...events: readonly TestEvent<E>[]): SpecThen;
}

export interface SpecGiven<E extends EventShape> extends SpecThen {
  when(...events: readonly TestEvent<E>[]): SpecThen;
}

export function createSpec<E extends EventShape>(
  runner: Runner,
  projection: Projection,
  { with: others = [], ignore = [] }: SpecOptions,
): Spec<E> {
  const complete = (given: readonly TestEvent[], when: readonly TestEvent[] | null): SpecThen => {
    const completeEvent = createCompletion();
    const first = given.map(completeEvent);
    const second = when?.map(completeEvent) ?? null;
    const scenario: Scenario = {
      projection,
      others,
      history: second === null ? [] : first,
      tested: second ?? first,
    };
    return createThen(runner, scenario, ignore);
  };
  return {
    given: (...given) => ({ ...complete(given, null), when: (...when) => complete(given, when) }),
    when: (...when) => complete([], when),
  };
}
