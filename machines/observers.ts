import type { InspectionEvent } from 'xstate';

/** Receives every inspection event of the actors, as it happens. */
export type Observer = (event: InspectionEvent) => void;

/**
 * The `inspect` option of an actor, for several observers. An exception of one of them is dropped: XState would leave the
 * actor's mailbox blocked for ever, and the projection with it.
 */
export function observers(...all: readonly (Observer | undefined)[]): { readonly inspect?: Observer } {
  const present = all.filter((one) => one !== undefined);
  if (present.length === 0) return {};
  const inspect: Observer = (event) => {
    for (const observer of present) {
      try {
        observer(event);
      } catch {
        // An observer reports its own errors.
      }
    }
  };
  return { inspect };
}
