import type { PendingCommand } from './command.ts';
import type { ErrorCode } from './errors.ts';
import type { StoredStatus } from './status.ts';

/**
 * catch-up: pages until the safe head is reached. live: what a wake announced; gives up after a full page.
 * attempt: the page with the event that failed last, although the projection is halted.
 */
export type RunMode = 'catch-up' | 'live' | 'attempt';

/** Why one event could not be applied. */
export interface FailedEvent {
  readonly position: bigint;
  readonly eventName: string;
  readonly error: string;
  /** What PostgreSQL, or the engine, calls the error; null when it is neither's. */
  readonly sqlstate: string | null;
  readonly code: ErrorCode | null;
}

/** How a pull ended. Each of these leaves the stored rows and cursor consistent. */
export type RunOutcome =
  /** Everything up to the head has been applied. */
  | { readonly kind: 'caught-up' }
  /** Progress was made and there is more: a full page (live), or the failed event went through (attempt). */
  | { readonly kind: 'behind' }
  /** An event could not be applied; the cursor is just before it. Without `event`: none can be, the history is another. */
  | { readonly kind: 'failed'; readonly halted: boolean; readonly detail: string; readonly event?: FailedEvent }
  /** A look-up waits for another projection to come as far as this one. */
  | { readonly kind: 'waiting'; readonly detail: string }
  /** Another worker holds the row. */
  | { readonly kind: 'locked-by-other' }
  /** The stored row says so: set by somebody else, or before this process. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'halted'; readonly detail: string }
  /** The signal was aborted; what was not committed was rolled back. */
  | { readonly kind: 'stopped' };

/**
 * The hands of one projection's machine. At most one operation runs at a time: the machine enters a state only when the
 * last operation has settled. Rejecting means that the database could not do it now; the machine backs off and tries
 * again. The machine retries, the hands never do. An operation that carries out a command ends the command's row in its
 * own transaction; `null` where the machine was asked without a command.
 */
export interface ProjectionOperations {
  /** Reads the row; nothing is applied. */
  open(signal: AbortSignal): Promise<{
    readonly status: StoredStatus;
    readonly detail: string | null;
    /** Processes have died of the event it halted at: the start of another one must not try it. */
    readonly deadly?: boolean;
  }>;
  run(mode: RunMode, signal: AbortSignal): Promise<RunOutcome>;
  /** One short transaction, bounded, not abortable. */
  reset(command: PendingCommand | null): Promise<{ readonly status: StoredStatus }>;
  /** Waits for the page in flight. Resolves with what the row says then: a resumed one may be halted. */
  setPaused(paused: boolean, command: PendingCommand | null): Promise<{ readonly status: StoredStatus }>;
  /** Passes over the event that failed: one short transaction, not abortable. */
  skip(command: PendingCommand | null): Promise<void>;
}
