import type { Observable, Subscription } from 'rxjs';
import { notifications } from '../feed/notify.ts';
import { type Look, wakes } from '../feed/wakes.ts';
import type { Sql } from '../store/connect.ts';
import type { Heads } from './heads.ts';
import type { Log } from './log.ts';

const HEARTBEAT_MS = 1000;

export interface FeedParts {
  readonly heads: Heads;
  /** Listens for NOTIFY. */
  readonly listener: Sql;
  /** Channel of NOTIFY; null listens to none. */
  readonly channel: string | null;
  readonly push$: Observable<unknown>;
  readonly requeueEveryMs: number;
  readonly log: Log;
  readonly onLook: (look: Look) => void;
  /** The database refused a look or a heartbeat. */
  readonly onTrouble: (error: unknown) => void;
}

/** Everything that says when to look, until it is unsubscribed. */
export function startFeed({ heads, listener, channel, log, onLook, ...sources }: FeedParts): Subscription {
  return wakes({
    ...sources,
    notify$: notifications(listener, channel),
    heartbeatMs: HEARTBEAT_MS,
    drawn: () => heads.drawn(),
    look: () => heads.look(),
    epoch: () => heads.epoch(),
  }).subscribe({
    next: onLook,
    error: (error: unknown) => log.error({ err: error }, 'the feed ended; restart the daemon'),
  });
}
