import type { Verdict } from '../core/failure-policy.ts';
import type { InOrder } from '../core/status.ts';
import type { Catalog } from '../read-model/catalog.ts';
import type { EventFailure } from '../state/failures.ts';

/** Thrown inside a page's transaction so that it rolls back: this event could not be applied. */
export class EventFailed extends Error {
  readonly index: number;
  readonly failure: EventFailure;
  /** A handler's own work has failed: to see it fail once more it would have to be called again. */
  readonly isFinal: boolean;

  constructor(index: number, failure: EventFailure, cause: unknown, isFinal = false) {
    super(failure.error, { cause });
    this.index = index;
    this.failure = failure;
    this.isFinal = isFinal;
  }

  final(): EventFailed {
    return new EventFailed(this.index, this.failure, this.cause, true);
  }
}

/** Thrown inside a page's transaction: the tables are no longer as they were when the catalog was read. */
export class CatalogMoved extends Error {}

/** Thrown inside a page's transaction: a look-up of this event waits for another projection. */
export class DependencyNotReady extends Error {
  readonly index: number;

  constructor(index: number, detail: string) {
    super(detail);
    this.index = index;
  }
}

/** A page's transaction was ended since it took too long, and no event of it is known to be at fault. */
export class PageTooSlow extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super(`the page had not ended after ${ms} ms`);
    this.ms = ms;
  }
}

/** Thrown inside a page's transaction: another worker has the projection's row. */
export class LockedByOther extends Error {}

/** A halt that was decided outside of a page's transaction. Nothing of the projection may run before it is stored. */
export interface PendingHalt {
  readonly failure: EventFailure;
  /** An alarm that only a RESET clears; null: the failure is all there is to report. */
  readonly alarm: string | null;
  /** Cursor and generation of the row when the halt was decided: if they have changed, the halt is void. Null: it holds in any case. */
  readonly at: { readonly cursor: bigint | null; readonly generation: bigint } | null;
}

/** How a page was applied: as set-based statements, event by event, or event by event in one round trip. */
export type PageMode = 'folded' | 'in_order' | 'at_once';

/** How applying a page ended; `cursor` is where the stored row stands now. */
export type PageOutcome =
  | {
      readonly kind: 'applied';
      readonly cursor: bigint;
      readonly mode: PageMode;
      /** Read anew on the way; undefined: what was known is true still. */
      readonly catalog?: Catalog;
      /** Why a page that is large enough was not folded; null when it was. */
      readonly inOrder?: InOrder | null;
    }
  | {
      readonly kind: 'failed';
      readonly cursor: bigint;
      readonly failure: EventFailure;
      readonly attempts: number;
      /** skip: passed over, and the cursor is on it. */
      readonly verdict: Verdict;
    }
  | { readonly kind: 'waiting'; readonly cursor: bigint; readonly detail: string }
  /** A halt that has to be stored before anything of the projection runs again. */
  | { readonly kind: 'must halt'; readonly halt: PendingHalt }
  /** Rolled back: it took too long as a whole. */
  | { readonly kind: 'too slow' }
  /** The row is not where the page was made for: read it again. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'locked-by-other' }
  /** It was asked to stop before its turn came. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'halted' };
