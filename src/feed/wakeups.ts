import {
  catchError,
  defer,
  EMPTY,
  filter,
  map,
  merge,
  NEVER,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
  Subject,
  share,
  switchMap,
  throttleTime,
  timer,
} from 'rxjs';
import { conflateMap } from './conflate.ts';

/** The source of a wakeup. */
export type WakeupSource = 'schedule' | 'notify' | 'push' | 'heartbeat' | 'again';

/**
 * If several wakeups wait, the poll counts for the one with the highest number: a scheduled poll must be emitted, and a
 * heartbeat has found something only if no other wakeup came.
 */
const PRECEDENCE: Readonly<Record<WakeupSource, number>> = {
  schedule: 3,
  notify: 2,
  push: 2,
  again: 1,
  heartbeat: 0,
};

/** One poll of the store, caused by a wakeup. */
export interface PollResult {
  readonly source: WakeupSource;
  /** The high-water mark of the previous poll, and of this one. */
  readonly from: bigint;
  readonly head: bigint;
  /** The first poll after earlier results became invalid: every projection is woken, even if the high-water mark is the same. */
  readonly again: boolean;
}

/** The result of a poll. */
export interface Seen {
  /** The high-water mark. */
  readonly position: bigint;
  /** Highest position that was allocated. */
  readonly lastAllocated: bigint;
  /** An open transaction of an appender still holds the high-water mark back. */
  readonly open: boolean;
}

export interface WakeupSources {
  /** NOTIFYs of appends: they say when to poll, not what there is. */
  readonly notify$: Observable<unknown>;
  /** Messages of a broker, one by one: they say when to poll, not what there is. Default: none. */
  readonly push$?: Observable<unknown>;
  /** Milliseconds between polls that wake every projection. */
  readonly requeueEveryMs: number;
  /** Milliseconds between heartbeats, which find events without a wakeup. */
  readonly heartbeatMs: number;
  /** Reads the last allocated position. It must be cheap, since it runs several times after each wakeup. */
  readonly lastAllocated: () => ObservableInput<bigint>;
  /** The same, and anything else that is read once per heartbeat. Default `lastAllocated`. */
  readonly heartbeat?: () => ObservableInput<bigint>;
  /** Reads the high-water mark. */
  readonly poll: () => ObservableInput<Seen>;
  /** Counts up when earlier results become invalid: a lost connection, positions taken back. */
  readonly epoch?: () => number;
  /** Called for every poll and heartbeat that fails. */
  readonly onDatabaseError: (error: unknown) => void;
  /** Called for every poll that succeeds. The next heartbeat after a failed one polls. */
  readonly onAnswer?: () => void;
  readonly scheduler?: SchedulerLike;
}

/** Milliseconds in which pushes count as one: a flood must not cost a timer for each. Less than POLL_AGAIN_MS[0]. */
const PUSHES_MS = 3;
/** Milliseconds after a wakeup at which the sequence is read again: one NOTIFY can stand for several appends. */
const POLL_AGAIN_MS = [4, 16, 64] as const;
/** While an appender is open: milliseconds until the next poll; the last value repeats. */
const WHILE_OPEN_MS = [2, 5, 10, 20, 50, 100, 250] as const;

/**
 * Merges schedule, NOTIFY, pushes and heartbeat into polls of the store, one at a time, conflated: a wakeup says when to
 * poll, the store says what there is. Emits a poll when the high-water mark has moved, and every scheduled one. A failed
 * poll emits nothing; the next wakeup polls again, so the stream never ends with an error.
 */
export function wakeups(sources: WakeupSources): Observable<PollResult> {
  const { notify$, push$ = NEVER, requeueEveryMs, heartbeatMs, scheduler } = sources;
  let head = 0n;
  /** Null when the last poll failed, so that the next heartbeat polls. */
  let lastAllocated: bigint | null = 0n;
  let openFor = 0;
  let epoch = 0;
  const epochNow = (): number => sources.epoch?.() ?? 0;

  const scheduled$ = timer(0, requeueEveryMs, scheduler).pipe(map((): WakeupSource => 'schedule'));
  const wakeups$ = merge(
    notify$.pipe(map((): WakeupSource => 'notify')),
    push$.pipe(
      throttleTime(PUSHES_MS, scheduler, { leading: true, trailing: true }),
      map((): WakeupSource => 'push'),
    ),
  ).pipe(share());
  /** Reads the sequence at these times. No poll is needed if no position was allocated since the last poll. */
  const sequenceChecks = (
    at$: Observable<unknown>,
    source: WakeupSource,
    read: () => ObservableInput<bigint>,
  ): Observable<WakeupSource> =>
    at$.pipe(
      conflateMap(() => defer(read).pipe(catchError(report))),
      filter((seen) => seen !== lastAllocated || epochNow() !== epoch),
      map(() => source),
    );
  const afterWakeups$ = wakeups$.pipe(switchMap(() => merge(...POLL_AGAIN_MS.map((ms) => timer(ms, scheduler)))));
  const heartbeats$ = timer(heartbeatMs, heartbeatMs, scheduler);

  /** While an appender holds the high-water mark back: polls again, without delaying later wakeups. */
  const again$ = new Subject<number>();
  const whileOpen$ = again$.pipe(
    switchMap((ms) => (ms === 0 ? EMPTY : timer(ms, scheduler))),
    map((): WakeupSource => 'again'),
  );

  const pollOnce = (source: WakeupSource): Observable<PollResult> =>
    defer(() => sources.poll()).pipe(
      catchError(report),
      map((seen) => {
        const poll = { source, from: head, head: seen.position, again: epochNow() !== epoch };
        epoch = epochNow();
        openFor = seen.open && seen.position === head ? openFor + 1 : seen.open ? 1 : 0;
        head = seen.position;
        lastAllocated = seen.lastAllocated;
        sources.onAnswer?.();
        again$.next(openFor === 0 ? 0 : (WHILE_OPEN_MS[openFor - 1] ?? 250));
        return poll;
      }),
    );

  function report(error: unknown): Observable<never> {
    // Nothing is known any more: the next heartbeat polls, also if an open appender was being waited for.
    lastAllocated = null;
    sources.onDatabaseError(error);
    return EMPTY;
  }

  const checked$ = merge(
    sequenceChecks(afterWakeups$, 'again', () => sources.lastAllocated()),
    sequenceChecks(heartbeats$, 'heartbeat', () => (sources.heartbeat ?? sources.lastAllocated)()),
  );
  return merge(scheduled$, wakeups$, checked$, whileOpen$).pipe(
    conflateMap(pollOnce, (waiting, arrived) => (PRECEDENCE[arrived] > PRECEDENCE[waiting] ? arrived : waiting)),
    filter((poll) => poll.head > poll.from || poll.again || poll.source === 'schedule'),
  );
}
