import type { InspectionEvent } from 'xstate';

/** Hears everything that XState's actors do, as they do it. */
export type Observer = (event: InspectionEvent) => void;

/**
 * The `inspect` option of an actor, of several observers. What one of them throws is dropped: XState would leave the
 * actor's mailbox stuck for good, and the projection with it.
 */
export function observers(...all: readonly (Observer | undefined)[]): { readonly inspect?: Observer } {
  const present = all.filter((one) => one !== undefined);
  if (present.length === 0) return {};
  const inspect: Observer = (event) => {
    for (const observer of present) {
      try {
        observer(event);
      } catch {
        // The observer's own business; it has been told.
      }
    }
  };
  return { inspect };
}
