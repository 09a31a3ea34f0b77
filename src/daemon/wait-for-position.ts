import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../core/signals.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';

/** Where a projection's row stands. */
interface Place {
  readonly cursor: bigint;
  readonly generation: bigint;
}

export interface WaitsOptions {
  readonly names: readonly string[];
  /** The stored rows of these projections, in one statement. */
  readonly read: (names: readonly string[]) => Promise<ReadonlyMap<string, Place>>;
  /** How far this daemon has looked at events for a projection, in this generation; ahead of the row or behind it. */
  readonly scanned: (name: string, generation: bigint) => bigint;
  readonly highWaterMark: Pick<HighWaterMarkCache, 'poll' | 'latest' | 'safe'>;
  readonly log: Log;
  /** Waits at once. Default 64. */
  readonly max?: number;
  /** Between two looks at the rows, which another daemon may move. Default 1000. */
  readonly everyMs?: number;
}

export interface WaitOutcome {
  readonly applied: boolean;
  /** Positions that were still to go: an upper bound of the events. 0 when applied. */
  readonly lagEvents: number;
}

interface Waiter {
  readonly name: string;
  readonly target: bigint;
  place: Place;
  readonly reached: () => void;
}

/**
 * Waits for projections to come as far as a position. What this daemon applies itself it notices at once; for rows that
 * another one moves there is one look a second, however many wait, and none while nobody does.
 */
export class Waits {
  readonly #options: WaitsOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #stopped = new AbortController();
  #underWay = 0;
  #timer: NodeJS.Timeout | null = null;
  #polling = false;

  constructor(options: WaitsOptions) {
    this.#options = options;
  }

  /**
   * @param position `head`: the last one drawn when the wait begins, so that whatever was committed by then is applied
   * @param timeoutMs from the first look at the row on
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
    // A row that is read after the wait has begun: what was applied before a reset does not count after it.
    const place = (await orAborted(read([name]), ending)).get(name);
    if (place === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
    return await this.#wait({ name, target, place }, timeoutMs, ending);
  }

  /** A projection of this daemon may have come further. */
  check(): void {
    for (const waiter of this.#waiters) if (this.#missing(waiter) === 0n) waiter.reached();
  }

  /** Every wait ends with DAEMON_STOPPED. */
  stop(): void {
    this.#stopped.abort(new EngineError('DAEMON_STOPPED'));
  }

  async #wait(
    { name, target, place }: Pick<Waiter, 'name' | 'target' | 'place'>,
    timeoutMs: number,
    ending: AbortSignal,
  ): Promise<WaitOutcome> {
    const { promise, resolve } = promiseOf<boolean>();
    const waiter: Waiter = { name, target, place, reached: () => resolve(true) };
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.#waiters.add(waiter);
    this.#timer ??= setInterval(() => void this.#poll(), this.#options.everyMs ?? 1000);
    try {
      this.check();
      if (await orAborted(promise, ending)) return { applied: true, lagEvents: 0 };
      return { applied: false, lagEvents: Number(this.#missing(waiter)) };
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0 && this.#timer !== null) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
    }
  }

  /** Positions up to the target at which something may be unapplied. */
  #missing({ name, target, place }: Waiter): bigint {
    const { highWaterMark, scanned } = this.#options;
    const here = scanned(name, place.generation);
    const cursor = here > place.cursor ? here : place.cursor;
    // At the head there is nothing more up to its bound, though the cursor stands at the last event: the positions
    // between were drawn by transactions that rolled back.
    const latest = highWaterMark.latest();
    const safe = latest !== null && cursor >= latest ? highWaterMark.safe() : cursor;
    const applied = safe > cursor ? safe : cursor;
    return target > applied ? target - applied : 0n;
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const names = [...new Set([...this.#waiters].map(({ name }) => name))];
      await this.#options.highWaterMark.poll();
      const places = await this.#options.read(names);
      for (const waiter of this.#waiters) waiter.place = places.get(waiter.name) ?? waiter.place;
      this.check();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'rows not read for those who wait, tried again in a second');
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
