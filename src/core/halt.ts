/** Notice that a projection has halted before an event that it cannot apply. It never has the payload. */
export interface Halt {
  readonly projection: string;
  /** Of the event, a decimal string; null where no event is the cause (the store's history does not fit). */
  readonly position: string | null;
  readonly eventId: string | null;
  readonly eventName: string | null;
  readonly error: string;
  readonly sqlstate: string | null;
  /** The engine's code of the error, where it has one. */
  readonly code: string | null;
  readonly attempts: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The daemon that sends the notice. */
  readonly daemon: string;
}

/** Called with each halt. The signal is aborted when the daemon stops, or when the call takes too long. */
export type OnHalt = (halt: Halt, options: { readonly signal: AbortSignal }) => unknown;
