/** Name of the publisher's row in projection_state. A projection cannot have it: `$` is refused in names. */
export const PUBLISHER_NAME = '$publisher';

export const PUBLISHER_STATES = [
  'stopped',
  'connecting',
  'idle',
  'publishing',
  'standby',
  'blocked',
  'backing-off',
  'halted',
] as const;
export type PublisherState = (typeof PUBLISHER_STATES)[number];

/** How one spell of publishing ended. In each case the stored cursor stands at the end of what was confirmed. */
export type RelayOutcome =
  /** Everything up to the head is confirmed. */
  | { readonly kind: 'published' }
  /** Its time was over; there is more to send or to be confirmed. */
  | { readonly kind: 'behind' }
  /** Another daemon publishes. */
  | { readonly kind: 'locked-by-other' }
  /** The broker takes nothing at present (a memory or disk alarm). */
  | { readonly kind: 'blocked' }
  /** There is no channel to the broker, or it was lost. */
  | { readonly kind: 'disconnected' }
  /** The broker did not take a message; all from there on will be sent again. `progressed`: others before it were. */
  | { readonly kind: 'refused'; readonly detail: string; readonly progressed: boolean }
  /** The next event can never be sent as it is. */
  | { readonly kind: 'halted'; readonly detail: string }
  /** The signal was aborted. */
  | { readonly kind: 'stopped' };

/**
 * The hands of the publisher's machine. One operation at a time; rejecting means that the database could not do it now.
 * The machine retries, the hands never do.
 */
export interface PublisherOperations {
  relay(signal: AbortSignal): Promise<RelayOutcome>;
}

/** The publisher as status shows it. Positions are decimal strings. */
export interface PublisherStatus {
  readonly state: PublisherState;
  /** Why it is in that state, in words an operator can act on; null when there is nothing to say. */
  readonly detail: string | null;
  /** Every event up to here has been confirmed by the broker. */
  readonly cursor: string;
  readonly head: string;
  /** head - cursor: an upper bound of the events to come. */
  readonly lagEvents: number;
  readonly ratePerSecond: number;
  /** Messages that were sent by this daemon and are not confirmed yet. */
  readonly unconfirmed: number;
  /** The daemon that last published; null before the first. */
  readonly owner: string | null;
}
