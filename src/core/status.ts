/** The five states of a projection. `substate` and `detail` have more of it. */
export const STATES = ['idle', 'catching-up', 'live', 'failed', 'resetting'] as const;
export type ProjectionState = (typeof STATES)[number];

/** The status that a projection's row keeps over restarts. */
export type StoredStatus = 'running' | 'paused' | 'halted';

/** The failed event that a projection is halted before. */
export interface FailureStatus {
  /** Null where no event is the cause (the store's history does not fit the projection). */
  readonly eventId: string | null;
  readonly position: string;
  readonly eventName: string | null;
  readonly attempts: number;
  readonly error: string;
  /** SQLSTATE of PostgreSQL; null for another error. */
  readonly sqlstate: string | null;
  /** Code of the engine; null for another error. */
  readonly code: string | null;
  readonly statement: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** A reason for which events are applied one by one, several times slower than folded. */
export interface InOrder {
  /** The table that is the reason; null where the reason is a handler or a statement. */
  readonly table: string | null;
  readonly because: string;
}

/** One projection as `GET /projections` and `status --json` show it. Positions of events are decimal strings. */
export interface ProjectionStatus {
  readonly name: string;
  readonly instance: string;
  readonly state: ProjectionState;
  /** The state with its substate: `live.waiting`. */
  readonly substate: string;
  /** Why it is in that state or waits, in words that an operator can act on; null where the state needs no reason. */
  readonly detail: string | null;
  readonly cursor: string;
  /** The high-water mark; the cursor where `lagEvents` is null. */
  readonly head: string;
  /** readviews.position: greatest epoch second among the events processed, 0 after a reset. */
  readonly position: number;
  /** head - cursor: an upper bound of the events to come. Null where it is not known: the store cannot be read now. */
  readonly lagEvents: number | null;
  /** Seconds between the newest event's time and `position`; null after a reset or not known, 0 when everything is applied. */
  readonly lagSeconds: number | null;
  /**
   * For how many seconds the daemon has known of an event that is not applied; 0 when everything is applied. A restart of
   * the daemon and a reset start it again at 0. Null where the daemon has not read the store yet, or cannot read it
   * now.
   */
  readonly behindSeconds: number | null;
  readonly ratePerSecond: number;
  /** Seconds until caught up at the present rate; null when not catching up or not known. */
  readonly etaSeconds: number | null;
  readonly generation: number;
  /** The daemon that works on it; null when none does. */
  readonly owner: string | null;
  /** Since when it backs off without progress, ISO 8601; null while it does not. */
  readonly backingOffSince: string | null;
  readonly failure: FailureStatus | null;
  /** Number of events that SKIP or the policy has skipped since the last reset: the rows lack their effect. */
  readonly skippedEvents: number;
  /** Why it applies events one by one: definitions of its tables, and statements of the last page of ten events or more. */
  readonly inOrder: readonly InOrder[];
  /** The tables that RESET empties. */
  readonly tables: readonly string[];
}

/** Events of a type that no projection of the daemon handles. */
export interface UnhandledEvents {
  readonly name: string;
  /** Number of them that the polls have read since the daemon's start. */
  readonly events: number;
  /** Position of the newest one. */
  readonly position: string;
}

/** The first event that names an instance, of those that a daemon has read since its start. */
export interface InstanceEvents {
  readonly instance: string;
  readonly eventName: string;
  readonly position: string;
}

/** How a command ended. */
export type CommandOutcome =
  /** `warning`: a reset names the other projections that it included. */
  | { readonly kind: 'done'; readonly state: ProjectionState; readonly warning?: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
