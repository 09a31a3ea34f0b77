/** The states of the connection that brings pushes, exactly. None of them is a failure. */
export const BROKER_STATES = ['connecting', 'healthy', 'polling-only'] as const;
export type BrokerState = (typeof BROKER_STATES)[number];

/** The broker as `GET /projections` shows it. */
export interface BrokerStatus {
  readonly state: BrokerState;
  /** Why there are no pushes, in words an operator can act on; null when there is nothing to say. */
  readonly detail: string | null;
}

/** What happens to a connection with a broker; reasons are words for an operator, without credentials. */
export type BrokerEvent =
  /** Connected, and everything that was to be declared stands. */
  | { readonly type: 'READY' }
  /** It was there, and is gone; the next attempt is under way. */
  | { readonly type: 'LOST'; readonly reason: string }
  /** An attempt has failed, to connect or to declare; the next one is under way. */
  | { readonly type: 'FAILED'; readonly reason: string }
  /** The broker is short of memory or disk and takes nothing from publishers; it goes on delivering. */
  | { readonly type: 'BLOCKED'; readonly reason: string }
  | { readonly type: 'UNBLOCKED' };
