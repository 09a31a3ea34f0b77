import { Observable, Subject, throwError } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FeedParts, startFeed } from '../../src/daemon/feed.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { capturingLog } from '../support/scene.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A feed on a store that gains an event with every poll, one part of which fails for the first three seconds. */
async function pollsAfter(
  broken: 'listen' | 'push' | 'push ends' | 'heartbeat' | 'poll' | 'epoch' | 'onAnswer' | 'onPoll',
) {
  const log = capturingLog();
  let [position, delivered, failing] = [0n, 0, true];
  const check = (part: typeof broken): void => {
    if (failing && part === broken) throw new Error(`${part} is broken`);
  };
  const highWaterMark: Pick<FeedParts['highWaterMark'], 'lastAllocated' | 'heartbeat' | 'poll' | 'epoch'> = {
    lastAllocated: async () => position,
    heartbeat: async () => {
      check('heartbeat');
      return position + 1n;
    },
    poll: async () => {
      check('poll');
      position += 1n;
      return { position, lastAllocated: position, open: false };
    },
    epoch: () => {
      check('epoch');
      return 0;
    },
  };
  const listener: Pick<Sql, 'listen'> = {
    listen: (_channel, _notified, began) => {
      check('listen');
      began?.();
      return { unlisten: async () => undefined };
    },
  };
  const push$ = new Observable<unknown>((subscriber) => {
    if (failing && broken === 'push') return throwError(() => new Error('push is broken')).subscribe(subscriber);
    if (failing && broken === 'push ends') subscriber.complete();
    return new Subject().subscribe(subscriber);
  });
  const subscription = startFeed({
    highWaterMark: highWaterMark as FeedParts['highWaterMark'],
    listener: listener as Sql,
    schema: 'public',
    push$,
    log,
    onPoll: () => {
      check('onPoll');
      delivered += 1;
    },
    onAnswer: () => check('onAnswer'),
    onDatabaseError: () => undefined,
  });
  await vi.advanceTimersByTimeAsync(3000);
  failing = false;
  await vi.advanceTimersByTimeAsync(6000);
  const before = delivered;
  await vi.advanceTimersByTimeAsync(3000);
  subscription.unsubscribe();
  return { polls: delivered - before, told: log.lines.filter(({ level }) => level === 'error').length };
}

// Seen red with: `restarted` left out for push, and for all of it; the try around onLook left out. (That of NOTIFY is held by
// the one around everything too: it spares the other sources the pause.)
test.each(['listen', 'push', 'push ends', 'epoch', 'onAnswer', 'onPoll'] as const)(
  'when %s breaks, it is told, a bounded number of times, and projections are woken again',
  async (part) => {
    const { polls, told } = await pollsAfter(part);
    expect(polls).toBeGreaterThan(0);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(20);
  },
);

test.each(['heartbeat', 'poll'] as const)('when %s is refused, projections are woken again', async (part) => {
  expect((await pollsAfter(part)).polls).toBeGreaterThan(0);
});
