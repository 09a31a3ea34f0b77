import type { EventFailure } from '../store/failures.ts';

/** Thrown inside a page's transaction so that it rolls back: this event could not be applied. */
export class EventFailed extends Error {
  readonly index: number;
  readonly failure: EventFailure;

  constructor(index: number, failure: EventFailure, cause: unknown) {
    super(failure.error, { cause });
    this.index = index;
    this.failure = failure;
  }
}

/** Thrown inside a page's transaction: a look-up of this event waits for another projection. */
export class LookupWaits extends Error {
  readonly index: number;

  constructor(index: number, detail: string) {
    super(detail);
    this.index = index;
  }
}

/** Thrown inside a page's transaction: another worker has the projection's row. */
export class HeldElsewhere extends Error {}

/** For status and log. */
export function failureText({ failure, attempts }: Extract<PageOutcome, { readonly kind: 'failed' }>): string {
  const { eventName, position, error } = failure;
  return `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
}

/** How applying a page ended; `cursor` is where the stored row stands now. */
export type PageOutcome =
  /** `folded`: as set-based statements; else event by event. */
  | { readonly kind: 'applied'; readonly cursor: bigint; readonly folded: boolean }
  | {
      readonly kind: 'failed';
      readonly cursor: bigint;
      readonly failure: EventFailure;
      readonly attempts: number;
      readonly halted: boolean;
    }
  | { readonly kind: 'waiting'; readonly cursor: bigint; readonly detail: string }
  /** The row is not where the page was made for: read it again. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'halted' };
