/** Every state of the connection that receives pushes. None of them is a failure. */
export const BROKER_STATES = ['connecting', 'healthy', 'polling-only'] as const;
export type BrokerState = (typeof BROKER_STATES)[number];

/** The broker as `GET /projections` shows it. */
export interface BrokerStatus {
  readonly state: BrokerState;
  /** Why no pushes are received, in words that an operator can act on; null while they are. */
  readonly detail: string | null;
}

/** An event of a connection with a broker. `reason` is a text for an operator, without credentials. */
export type BrokerEvent =
  /** The connection is open, and its exchanges, queues and bindings are declared. */
  | { readonly type: 'READY' }
  /** The open connection was lost; the next attempt is under way. */
  | { readonly type: 'LOST'; readonly reason: string }
  /** An attempt to connect or to declare has failed; the next one is under way. */
  | { readonly type: 'FAILED'; readonly reason: string }
  /** The broker is short of memory or disk: it accepts no messages from publishers and still delivers. */
  | { readonly type: 'BLOCKED'; readonly reason: string }
  | { readonly type: 'UNBLOCKED' };
