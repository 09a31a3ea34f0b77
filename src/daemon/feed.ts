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
  /** Whether to listen for NOTIFY. Default true. */
  readonly notify?: boolean;
  readonly push$: Observable<unknown>;
  readonly requeueEveryMs?: number;
  readonly log: Log;
  readonly onPoll: (poll: PollResult) => void;
  /** Called when a poll succeeded. */
  readonly onAnswer: () => void;
  /** Called when a poll or a heartbeat failed. */
  readonly onDatabaseError: (error: unknown) => void;
}

/** Polls the store with every wakeup, until it is unsubscribed. */
export function startFeed(parts: FeedParts): Subscription {
  const { highWaterMark, listener, schema, notify = true, push$, requeueEveryMs = 60_000, log, onPoll } = parts;
  const { onAnswer, onDatabaseError } = parts;
  const channel = notify ? channelOf(schema) : null;
  // Each source is restarted alone, so that the others go on meanwhile; the merged stream is restarted for its own errors.
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
      // RxJS would rethrow the error from a timer, which ends the process.
      log.error({ err: error }, 'a wakeup could not be delivered');
    }
  });
}
