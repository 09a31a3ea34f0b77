import { defer, type Observable, type Subscription } from 'rxjs';
import type { Log } from '../core/log.ts';
import { channelOf, notifications } from '../feed/notify.ts';
import { type PollResult, wakeups } from '../feed/wakeups.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import { restarted } from './restarted.ts';

const HEARTBEAT_MS = 1000;

export interface FeedParts {
  readonly highWaterMark: HighWaterMarkCache;
  /** Listens for NOTIFY. */
  readonly listener: Sql;
  readonly schema: string;
  /** Default true: NOTIFY is listened to. */
  readonly notify?: boolean;
  readonly push$: Observable<unknown>;
  readonly requeueEveryMs?: number;
  readonly log: Log;
  readonly onPoll: (poll: PollResult) => void;
  /** The database answered a look. */
  readonly onAnswer: () => void;
  /** The database refused a look or a heartbeat. */
  readonly onDatabaseError: (error: unknown) => void;
}

/** Everything that says when to look, until it is unsubscribed. */
export function startFeed(parts: FeedParts): Subscription {
  const { highWaterMark, listener, schema, notify = true, push$, requeueEveryMs = 60_000, log, onPoll } = parts;
  const { onAnswer, onDatabaseError } = parts;
  const channel = notify ? channelOf(schema) : null;
  // Each source by itself, so that the others go on meanwhile; and all of it, for what dies between them.
  const polls$ = defer(() =>
    wakeups({
      requeueEveryMs,
      onAnswer,
      onDatabaseError,
      notify$: notifications(listener, channel).pipe(restarted('notify', log)),
      push$: push$.pipe(restarted('push', log)),
      heartbeatMs: HEARTBEAT_MS,
      lastAllocated: () => highWaterMark.lastAllocated(),
      heartbeat: () => highWaterMark.heartbeat(),
      poll: () => highWaterMark.poll(),
      epoch: () => highWaterMark.epoch(),
    }),
  );
  return polls$.pipe(restarted('feed', log)).subscribe((poll) => {
    try {
      onPoll(poll);
    } catch (error) {
      // RxJS would throw it out of a timer, which ends the process.
      log.error({ err: error }, 'a wakeup could not be delivered');
    }
  });
}
