/** A row of `projection_transitions`: a projection changed from one state to another, substates included. */
export interface TransitionRecord {
  /** A decimal string that rises with each transition, for paging. */
  readonly number: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The machine's event that caused it: `RESET`, `WAKE`, `xstate.done.actor.…`. */
  readonly cause: string;
  readonly detail: string | null;
  /** The cursor at that time, a decimal string. */
  readonly position: string;
  readonly daemon: string;
  readonly at: string;
}
