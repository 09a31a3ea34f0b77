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

/** Where a hint came from. */
export type WakeupSource = 'schedule' | 'notify' | 'push' | 'heartbeat' | 'again';

/**
 * Of the hints that wait, the look is ascribed to this one: a schedule must be seen, and a heartbeat has found something
 * only where no hint came.
 */
const PRECEDENCE: Readonly<Record<WakeupSource, number>> = {
  schedule: 3,
  notify: 2,
  push: 2,
  again: 1,
  heartbeat: 0,
};

/** One look at the store, begun by a hint. */
export interface PollResult {
  readonly source: WakeupSource;
  /** The head of the look before, and of this one. */
  readonly from: bigint;
  readonly head: bigint;
  /** The first look after earlier ones stopped to count: everything is visited, whatever the head. */
  readonly again: boolean;
}

/** What a look saw. */
export interface Seen {
  /** The safe head. */
  readonly position: bigint;
  /** Highest position drawn. */
  readonly lastAllocated: bigint;
  /** An appender still holds the head back. */
  readonly open: boolean;
}

export interface WakeupSources {
  /** NOTIFY of an append: when, never what. */
  readonly notify$: Observable<unknown>;
  /** Messages of a broker, one by one: when, never what. Default silence. */
  readonly push$?: Observable<unknown>;
  /** Milliseconds between visits of everything. */
  readonly requeueEveryMs: number;
  /** Milliseconds between heartbeats, which find what no hint announced. */
  readonly heartbeatMs: number;
  /** Last allocated position: the cheapest statement there is, since several follow each hint. */
  readonly lastAllocated: () => ObservableInput<bigint>;
  /** The same, with whatever else is read once a heartbeat. Default `drawn`. */
  readonly heartbeat?: () => ObservableInput<bigint>;
  /** Looks for the safe head. */
  readonly poll: () => ObservableInput<Seen>;
  /** Counts up when what earlier looks found no longer counts: a lost connection, positions taken back. */
  readonly epoch?: () => number;
  /** Told of every look or heartbeat that the database refused. */
  readonly onTrouble: (error: unknown) => void;
  /** Told of every look that went well. After a heartbeat that failed, the next one that does not makes one. */
  readonly onAnswer?: () => void;
  readonly scheduler?: SchedulerLike;
}

/** Milliseconds in which pushes are one: a flood must not cost timers for each. Fewer than until the first look again. */
const PUSHES_MS = 3;
/** After a hint the sequence is looked at after these milliseconds: the hint's slot may have announced others too. */
const LOOK_AGAIN_MS = [4, 16, 64] as const;
/** While an appender is open: milliseconds until it is looked at again; the last one repeats. */
const WHILE_OPEN_MS = [2, 5, 10, 20, 50, 100, 250] as const;

/**
 * Merges schedule, NOTIFY, pushes and heartbeat into looks at the store, one at a time, conflated: the hint says when, the
 * store says what. Emits a look when the head has moved, and every scheduled one. A failed look emits nothing; the next hint
 * tries again, so the stream never ends by an error.
 */
export function wakeups(sources: WakeupSources): Observable<PollResult> {
  const { notify$, push$ = NEVER, requeueEveryMs, heartbeatMs, scheduler } = sources;
  let head = 0n;
  /** Null when the last look failed: what it would have found is still to be found. */
  let lastAllocated: bigint | null = 0n;
  let openFor = 0;
  let epoch = 0;
  const epochNow = (): number => sources.epoch?.() ?? 0;

  const scheduled$ = timer(0, requeueEveryMs, scheduler).pipe(map((): WakeupSource => 'schedule'));
  const hints$ = merge(
    notify$.pipe(map((): WakeupSource => 'notify')),
    push$.pipe(
      throttleTime(PUSHES_MS, scheduler, { leading: true, trailing: true }),
      map((): WakeupSource => 'push'),
    ),
  ).pipe(share());
  /** Where nothing was drawn since the last look, and nobody is open, there is nothing to look for. */
  const glances = (
    at$: Observable<unknown>,
    source: WakeupSource,
    read: () => ObservableInput<bigint>,
  ): Observable<WakeupSource> =>
    at$.pipe(
      conflateMap(() => defer(read).pipe(catchError(report))),
      filter((seen) => seen !== lastAllocated || epochNow() !== epoch),
      map(() => source),
    );
  const afterHints$ = hints$.pipe(switchMap(() => merge(...LOOK_AGAIN_MS.map((ms) => timer(ms, scheduler)))));
  const beats$ = timer(heartbeatMs, heartbeatMs, scheduler);

  /** An appender that is still open holds the head: look again, without keeping later hints waiting for it. */
  const again$ = new Subject<number>();
  const whileOpen$ = again$.pipe(
    switchMap((ms) => (ms === 0 ? EMPTY : timer(ms, scheduler))),
    map((): WakeupSource => 'again'),
  );

  const lookOnce = (source: WakeupSource): Observable<PollResult> =>
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
    // Nothing is known any more: the next heartbeat looks, also where an open appender was being waited for.
    lastAllocated = null;
    sources.onTrouble(error);
    return EMPTY;
  }

  const glanced$ = merge(
    glances(afterHints$, 'again', () => sources.lastAllocated()),
    glances(beats$, 'heartbeat', () => (sources.heartbeat ?? sources.lastAllocated)()),
  );
  return merge(scheduled$, hints$, glanced$, whileOpen$).pipe(
    conflateMap(lookOnce, (waiting, arrived) => (PRECEDENCE[arrived] > PRECEDENCE[waiting] ? arrived : waiting)),
    filter((poll) => poll.head > poll.from || poll.again || poll.source === 'schedule'),
  );
}
