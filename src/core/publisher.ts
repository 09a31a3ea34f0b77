/** Name of the publisher's row in projection_state. No projection can have it: names have no `$`. */
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

/** How one batch of publishing ended. In each case the stored cursor is the position of the last confirmed event. */
export type RelayOutcome =
  /** Every event up to the high-water mark is confirmed. */
  | { readonly kind: 'published' }
  /** The time of the batch was over; more events are to be sent or confirmed. */
  | { readonly kind: 'behind' }
  /** Another daemon publishes. */
  | { readonly kind: 'locked-by-other' }
  /** The broker accepts no messages at present (a memory or disk alarm). */
  | { readonly kind: 'blocked' }
  /** There is no channel to the broker, or the channel was lost. */
  | { readonly kind: 'disconnected' }
  /** The broker refused a message; it and all after it will be sent again. `progressed`: earlier messages were confirmed. */
  | { readonly kind: 'refused'; readonly detail: string; readonly progressed: boolean }
  /** The next event can never be sent as it is stored. */
  | { readonly kind: 'halted'; readonly detail: string }
  /** The signal was aborted. */
  | { readonly kind: 'stopped' };

/**
 * The operations that the publisher's machine invokes, one at a time. A rejection means that the database could not do it
 * now. The machine retries; an operation never retries by itself.
 */
export interface PublisherOperations {
  relay(signal: AbortSignal): Promise<RelayOutcome>;
}

/** The publisher as status shows it. Positions are decimal strings. */
export interface PublisherStatus {
  readonly state: PublisherState;
  /** Why it is in that state, in words that an operator can act on; null where the state needs no reason. */
  readonly detail: string | null;
  /** The broker has confirmed every event up to this position. */
  readonly cursor: string;
  /** The high-water mark; the cursor where `lagEvents` is null. */
  readonly head: string;
  /** head - cursor: an upper bound of the events to come. Null where it is not known: the store cannot be read now. */
  readonly lagEvents: number | null;
  readonly ratePerSecond: number;
  /** Number of messages that this daemon has sent and the broker has not confirmed. */
  readonly unconfirmed: number;
  /** The daemon that last published; null before the first. */
  readonly owner: string | null;
}
