/** A row of `projection_transitions`: a projection went from one state to another, substates included. */
export interface TransitionRecord {
  /** Rises; for paging. A decimal string. */
  readonly number: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The machine's event that caused it: `RESET`, `WAKE`, `xstate.done.actor.…`. */
  readonly cause: string;
  readonly detail: string | null;
  /** Cursor then, a decimal string. */
  readonly position: string;
  readonly daemon: string;
  readonly at: string;
}
