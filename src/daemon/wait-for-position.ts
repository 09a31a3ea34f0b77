import { type Clock, systemClock } from '../core/clock.ts';
import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../core/signals.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';

/** The position in a projection's row. */
interface RowPosition {
  readonly cursor: bigint;
  readonly generation: bigint;
}

export interface WaitsOptions {
  readonly names: readonly string[];
  /** The stored rows of these projections, in one statement. */
  readonly read: (names: readonly string[]) => Promise<ReadonlyMap<string, RowPosition>>;
  /** The position up to which this daemon has read events for a projection in this generation; ahead of the row or behind it. */
  readonly scanned: (name: string, generation: bigint) => bigint;
  readonly highWaterMark: Pick<HighWaterMarkCache, 'poll' | 'latest' | 'safe'>;
  readonly log: Log;
  /** Greatest number of waits at the same time. Default 64. */
  readonly max?: number;
  /** Milliseconds between two reads of the rows, which another daemon may move. Default 1000. */
  readonly everyMs?: number;
  readonly clock?: Clock;
}

export interface WaitOutcome {
  readonly applied: boolean;
  /** Positions that were missing: an upper bound of the events. 0 if applied. */
  readonly lagEvents: number;
}

interface Waiter {
  readonly name: string;
  readonly target: bigint;
  row: RowPosition;
  readonly reached: () => void;
}

/**
 * Waits for projections to reach a position. Progress of this daemon is noticed at once. Rows that another daemon moves are
 * read once a second, however many waits there are, and not at all without waits.
 */
export class Waits {
  readonly #options: WaitsOptions;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #stopped = new AbortController();
  #underWay = 0;
  #cancelPoll: (() => void) | null = null;
  #polling = false;

  constructor(options: WaitsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @param position `head`: the last position allocated when the wait begins, so that all that was committed by then is applied
   * @param timeoutMs counts from the first read of the row
   * @throws EngineError PROJECTION_UNKNOWN, WAIT_BUSY, DAEMON_STOPPED, PROJECTION_ROW_MISSING; the signal's reason
   */
  async until(
    name: string,
    position: bigint | 'head',
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<WaitOutcome> {
    const { names, max = 64 } = this.#options;
    if (!names.includes(name)) throw new EngineError('PROJECTION_UNKNOWN', { name, known: names.join(', ') });
    if (this.#underWay >= max) throw new EngineError('WAIT_BUSY', { max });
    this.#underWay += 1;
    try {
      return await untilAborted({ signals: [this.#stopped.signal, signal] }, (ending) =>
        this.#until(name, position, timeoutMs, ending),
      );
    } finally {
      this.#underWay -= 1;
    }
  }

  async #until(name: string, position: bigint | 'head', timeoutMs: number, ending: AbortSignal): Promise<WaitOutcome> {
    const { highWaterMark, read } = this.#options;
    ending.throwIfAborted();
    const target = position === 'head' ? (await orAborted(highWaterMark.poll(), ending)).lastAllocated : position;
    // The row is read after the wait has begun: events applied before a reset do not count after it.
    const row = (await orAborted(read([name]), ending)).get(name);
    if (row === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
    return await this.#wait({ name, target, row }, timeoutMs, ending);
  }

  /** Called when a projection of this daemon may have made progress. */
  check(): void {
    for (const waiter of this.#waiters) if (this.#missing(waiter) === 0n) waiter.reached();
  }

  /** Every wait ends with DAEMON_STOPPED. */
  stop(): void {
    this.#stopped.abort(new EngineError('DAEMON_STOPPED'));
  }

  async #wait(
    { name, target, row }: Pick<Waiter, 'name' | 'target' | 'row'>,
    timeoutMs: number,
    ending: AbortSignal,
  ): Promise<WaitOutcome> {
    const { promise, resolve } = promiseOf<boolean>();
    const waiter: Waiter = { name, target, row, reached: () => resolve(true) };
    const cancel = this.#clock.later(timeoutMs, () => resolve(false));
    this.#waiters.add(waiter);
    this.#schedulePoll();
    try {
      this.check();
      if (await orAborted(promise, ending)) return { applied: true, lagEvents: 0 };
      return { applied: false, lagEvents: Number(this.#missing(waiter)) };
    } finally {
      cancel();
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) {
        this.#cancelPoll?.();
        this.#cancelPoll = null;
      }
    }
  }

  /** Number of positions up to the target that may be unapplied. */
  #missing({ name, target, row }: Waiter): bigint {
    const { highWaterMark, scanned } = this.#options;
    const here = scanned(name, row.generation);
    const cursor = here > row.cursor ? here : row.cursor;
    // At the high-water mark every position up to its bound is settled, although the cursor is at the last event: the
    // positions between were allocated by transactions that rolled back.
    const latest = highWaterMark.latest();
    const safe = latest !== null && cursor >= latest ? highWaterMark.safe() : cursor;
    const applied = safe > cursor ? safe : cursor;
    return target > applied ? target - applied : 0n;
  }

  #schedulePoll(): void {
    this.#cancelPoll ??= this.#clock.later(this.#options.everyMs ?? 1000, () => {
      this.#cancelPoll = null;
      if (this.#waiters.size > 0) this.#schedulePoll();
      void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const names = [...new Set([...this.#waiters].map(({ name }) => name))];
      await this.#options.highWaterMark.poll();
      const rows = await this.#options.read(names);
      for (const waiter of this.#waiters) waiter.row = rows.get(waiter.name) ?? waiter.row;
      this.check();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'rows not read for the waits, tried again in a second');
    } finally {
      this.#polling = false;
    }
  }
}

function promiseOf<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve = (_value: T): void => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
