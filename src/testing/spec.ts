import type { EventShape, Projection } from '../core/projection.ts';
import type { Scenario } from './play.ts';
import { type Bench, createThen, type SpecThen } from './spec-then.ts';
import { createCompletion, type TestEvent } from './test-event.ts';

export interface SpecOptions<Others extends readonly Projection[] = readonly Projection[]> {
  /** Projections whose tables this one looks things up in. They apply the same events. */
  readonly with?: Others;
  /**
   * Columns that may differ each time the events are applied, such as `DEFAULT now()`. All others must come out the same
   * whichever way the engine applies them, or a replay would change them.
   */
  readonly ignore?: readonly string[];
}

/** What a test begins with. */
export interface Spec<E extends EventShape> {
  /** Events that happened before. Without `when` they are what is tested. */
  given(...events: readonly TestEvent<E>[]): SpecGiven<E>;
  /** The events under test. `context.replaying` is true for those of `given`, false for these. */
  when(...events: readonly TestEvent<E>[]): SpecThen;
}

export interface SpecGiven<E extends EventShape> extends SpecThen {
  when(...events: readonly TestEvent<E>[]): SpecThen;
}

export function createSpec<E extends EventShape>(
  bench: Bench,
  projection: Projection,
  { with: others = [], ignore = [] }: SpecOptions,
): Spec<E> {
  const ending = (given: readonly TestEvent[], when: readonly TestEvent[] | null): SpecThen => {
    const complete = createCompletion();
    const first = given.map(complete);
    const second = when?.map(complete) ?? null;
    const scenario: Scenario = {
      projection,
      others,
      history: second === null ? [] : first,
      tested: second ?? first,
    };
    return createThen(bench, scenario, ignore);
  };
  return {
    given: (...given) => ({ ...ending(given, null), when: (...when) => ending(given, when) }),
    when: (...when) => ending([], when),
  };
}
