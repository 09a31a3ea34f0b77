/** A projection has stopped before an event that it cannot apply. What is told of it; never the payload. */
export interface Halt {
  readonly projection: string;
  /** Of the event, a decimal string; null where no event is at fault (the store's history does not fit). */
  readonly position: string | null;
  readonly eventId: string | null;
  readonly eventName: string | null;
  readonly error: string;
  readonly sqlstate: string | null;
  /** The engine's name for the error, where it has one. */
  readonly code: string | null;
  readonly attempts: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The daemon that tells it. */
  readonly daemon: string;
}

/** Called with each halt. The signal is aborted when the daemon stops, or when it took too long. */
export type OnHalt = (halt: Halt, options: { readonly signal: AbortSignal }) => unknown;
