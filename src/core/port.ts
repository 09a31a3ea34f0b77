import type { PendingCommand } from './command.ts';
import type { ErrorCode } from './errors.ts';
import type { StoredStatus } from './status.ts';

/**
 * catch-up: applies pages until the high-water mark is reached. live: applies the events that a wakeup announced, and ends
 * after a full page. attempt: applies the page with the event that failed last, although the projection is halted.
 */
export type RunMode = 'catch-up' | 'live' | 'attempt';

/** Why one event could not be applied. */
export interface FailedEvent {
  readonly position: bigint;
  readonly eventName: string;
  readonly error: string;
  /** SQLSTATE of PostgreSQL; null for another error. */
  readonly sqlstate: string | null;
  /** Code of the engine; null for another error. */
  readonly code: ErrorCode | null;
}

/** How a run ended. Each outcome leaves the stored rows and the cursor consistent. */
export type RunOutcome =
  /** Every event up to the high-water mark has been applied. */
  | { readonly kind: 'caught-up' }
  /** Events were applied and more follow: a page was full (live), or the failed event was applied (attempt). */
  | { readonly kind: 'behind' }
  /** An event could not be applied; the cursor is just before it. Without `event`: the store has another history. */
  | { readonly kind: 'failed'; readonly halted: boolean; readonly detail: string; readonly event?: FailedEvent }
  /** The dependency of a look-up is not ready: another projection has not reached this position. */
  | { readonly kind: 'waiting'; readonly detail: string }
  /** Another daemon has locked the row. */
  | { readonly kind: 'locked-by-other' }
  /** The stored status is paused or halted: another daemon, or an earlier process, has set it. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'halted'; readonly detail: string }
  /** The signal was aborted; an open transaction was rolled back. */
  | { readonly kind: 'stopped' };

/**
 * The operations that the machine of one projection invokes. At most one runs at a time: the machine enters a state only
 * when the last operation has settled. A rejection means that the database could not do it now. The machine then backs off
 * and retries; an operation never retries by itself. An operation that executes a command ends the command's row in its own
 * transaction; `null`: the machine has no command.
 */
export interface ProjectionOperations {
  /** Reads the projection's row, and applies nothing. */
  open(signal: AbortSignal): Promise<{
    readonly status: StoredStatus;
    readonly detail: string | null;
    /** Whether processes have died of the event that it halted at: a start must not try that event. */
    readonly deadly?: boolean;
  }>;
  run(mode: RunMode, signal: AbortSignal): Promise<RunOutcome>;
  /** One transaction, bounded in time, not abortable. */
  reset(command: PendingCommand | null): Promise<{ readonly status: StoredStatus }>;
  /** Waits for the page in progress. Resolves with the stored status afterwards: a resumed projection may be halted. */
  setPaused(paused: boolean, command: PendingCommand | null): Promise<{ readonly status: StoredStatus }>;
  /** Skips the failed event in one short transaction, not abortable. */
  skip(command: PendingCommand | null): Promise<void>;
}
