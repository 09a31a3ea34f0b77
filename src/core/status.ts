/** The five states of a projection, exactly. Substates are told by `detail`. */
export const STATES = ['idle', 'catching-up', 'live', 'failed', 'resetting'] as const;
export type ProjectionState = (typeof STATES)[number];

/** What is wanted of a projection, as its row keeps it over restarts. */
export type StoredStatus = 'running' | 'paused' | 'halted';

/** The event a projection stands before because it could not be applied. */
export interface FailureStatus {
  /** Null where no event is at fault (the store's history does not fit the projection). */
  readonly eventId: string | null;
  readonly position: string;
  readonly eventName: string | null;
  readonly attempts: number;
  readonly error: string;
  /** What PostgreSQL, or the engine, calls the error; null when it is neither's. */
  readonly sqlstate: string | null;
  readonly code: string | null;
  readonly statement: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** Why events are applied one by one, several times slower than folded. */
export interface InOrder {
  /** The table that it is about; null where it is about a handler or a statement. */
  readonly table: string | null;
  readonly because: string;
}

/** One projection as `GET /projections` and `status --json` show it. Positions of events are decimal strings. */
export interface ProjectionStatus {
  readonly name: string;
  readonly instance: string;
  readonly state: ProjectionState;
  /** The state with what it is doing inside: `live.waiting`. */
  readonly substate: string;
  /** Why it is in that state or waits, in words an operator can act on; null when there is nothing to say. */
  readonly detail: string | null;
  readonly cursor: string;
  readonly head: string;
  /** readviews.position: greatest epoch second among the events processed, 0 after a reset. */
  readonly position: number;
  /** head - cursor: an upper bound of the events to come. */
  readonly lagEvents: number;
  /** Seconds between the newest event's time and `position`; null after a reset, 0 when everything is applied. */
  readonly lagSeconds: number | null;
  /**
   * For how many seconds the daemon has known of an event that is not applied; 0 when everything is applied. It begins
   * again with the daemon and with a reset. Null where the daemon has not seen the store yet.
   */
  readonly behindSeconds: number | null;
  readonly ratePerSecond: number;
  /** Seconds until caught up at the present rate; null when not catching up or not known. */
  readonly etaSeconds: number | null;
  readonly generation: number;
  /** The daemon that works on it; null when none does. */
  readonly owner: string | null;
  /** Since when it backs off without getting anywhere; null while it does not. */
  readonly backingOffSince: string | null;
  readonly failure: FailureStatus | null;
  /** Events passed over since the last reset, by SKIP or by the policy: its rows lack what they say. */
  readonly skippedEvents: number;
  /** What makes it apply events one by one: tables by their definitions, and what the last larger page met. */
  readonly inOrder: readonly InOrder[];
  /** What RESET empties. */
  readonly tables: readonly string[];
}

/** Events of a type that no projection of the daemon handles. */
export interface UnhandledEvents {
  readonly name: string;
  /** How many the polls have seen since the daemon's start. */
  readonly events: number;
  /** Of the newest one. */
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
  /** `warning`: a reset that took other projections along names them. */
  | { readonly kind: 'done'; readonly state: ProjectionState; readonly warning?: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
