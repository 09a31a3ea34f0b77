import type { Verdict } from '../core/failure-policy.ts';
import type { InOrder } from '../core/status.ts';
import type { Catalog } from '../read-model/catalog.ts';
import type { PendingHalt } from '../state/checkpoint-store.ts';
import type { EventFailure } from '../state/failures.ts';

/** Thrown inside a page's transaction to roll it back: this event could not be applied. */
export class EventFailed extends Error {
  readonly index: number;
  readonly failure: EventFailure;
  /** The handler's own work has failed: a second try would call the handler again. */
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

/** Thrown inside a page's transaction: the tables have changed since the catalog was read. */
export class CatalogMoved extends Error {}

/** Thrown inside a page's transaction: this event needs a row of another projection, which is behind. */
export class DependencyNotReady extends Error {
  readonly index: number;

  constructor(index: number, detail: string) {
    super(detail);
    this.index = index;
  }
}

/** The transaction of a page was ended since it took too long, and no event is known to be at fault. */
export class PageTooSlow extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super(`the page had not ended after ${ms} ms`);
    this.ms = ms;
  }
}

/** Thrown inside a page's transaction: another transaction has locked the row of the projection. */
export class LockedByOther extends Error {}

/** How a page was applied: as set-based statements, event by event, or in a single round trip (`at_once`). */
export type PageMode = 'folded' | 'in_order' | 'at_once';

/** The outcome of a page; `cursor` is the stored cursor after it. */
export type PageOutcome =
  | {
      readonly kind: 'applied';
      readonly cursor: bigint;
      readonly mode: PageMode;
      /** The catalog, if the page has read it again; undefined: the known one is up to date. */
      readonly catalog?: Catalog;
      /** Why a page that is large enough was not folded; null if it was. */
      readonly inOrder?: InOrder | null;
    }
  | {
      readonly kind: 'failed';
      readonly cursor: bigint;
      readonly failure: EventFailure;
      readonly attempts: number;
      /** skip: the cursor is at the failed event. */
      readonly verdict: Verdict;
    }
  | { readonly kind: 'waiting'; readonly cursor: bigint; readonly detail: string }
  /** A halt that has to be stored before the projection runs again. */
  | { readonly kind: 'must halt'; readonly halt: PendingHalt }
  /** The page was rolled back since it took too long. */
  | { readonly kind: 'too slow' }
  /** The row has another cursor or generation than the page was made for: load it again. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'locked-by-other' }
  /** The run was stopped before the turn of the page came. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'halted' };
