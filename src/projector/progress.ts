import type { HandlerSlot } from './handler-board.ts';
import { Latency } from './latency.ts';
import { PageMetricsRecorder } from './page-metrics.ts';
import type { PageMode } from './page-outcome.ts';

/**
 * How fast a projection moves, in positions per second (so that it divides the lag, which counts positions too).
 * Averaged over about five seconds; falls to 0 while nothing moves.
 */
export class Progress {
  readonly latency: Latency;
  readonly pages: PageMetricsRecorder;
  readonly #now: () => number;
  #cursor = 0n;
  #generation = 0n;
  #generationSince: number;
  #events = 0;
  #rate = 0;
  #since: number;
  /** When the pull under way last got anywhere; null while there is none. */
  #pullingSince: number | null = null;

  /** Since when the projection waits for its turn; null while it does not. */
  #waitingSince: number | null = null;

  /** Who holds the lock that its page waits for, in words; null where it waits for none, or not for long. */
  lockedBy: string | null = null;

  /**
   * @param now milliseconds that only rise
   * @param observeLatency gets the seconds from append to visible row
   */
  constructor(
    now: () => number,
    slot: HandlerSlot | null = null,
    observeLatency: (seconds: number) => void = () => undefined,
  ) {
    // Events have their time from the wall clock.
    this.latency = new Latency(() => Date.now(), observeLatency);
    this.pages = new PageMetricsRecorder(slot);
    this.#now = now;
    this.#since = now();
    this.#generationSince = this.#since;
  }

  /** Where a fresh look at the stored row found it. */
  place(cursor: bigint, generation: bigint): void {
    this.#cursor = cursor;
    if (generation !== this.#generation) this.#generationSince = this.#now();
    this.#generation = generation;
    this.#since = this.#now();
  }

  /** A pull begins, a page is tried in a transaction of its own, or events without a page to apply were looked at. */
  pulling(): void {
    this.#pullingSince = this.#now();
  }

  /** The pull has ended, in whatever way. */
  rests(): void {
    this.#pullingSince = null;
  }

  /** The pull waits until a connection for its page is free. However long that is, it is no stall of its own. */
  waits(): void {
    this.rests();
    this.#waitingSince = this.#now();
  }

  /** The turn has come, or was given up. */
  goesOn(): void {
    this.#waitingSince = null;
    this.pulling();
  }

  get waitedMs(): number {
    return this.#waitingSince === null ? 0 : this.#now() - this.#waitingSince;
  }

  /** A page is committed, `ms` after it was asked for. */
  applied(events: number, cursor: bigint, ms: number, mode: PageMode = 'in_order'): void {
    this.pages.applied(events, mode, ms);
    this.#events += events;
    this.#move(cursor);
  }

  /** Events of no interest were looked at, up to here. */
  passed(cursor: bigint): void {
    this.#move(cursor);
  }

  #move(cursor: bigint): void {
    const now = this.#now();
    const seconds = Math.max(0.001, (now - this.#since) / 1000);
    const weight = 1 - Math.exp(-seconds / 5);
    this.#rate += (Number(cursor - this.#cursor) / seconds - this.#rate) * (this.#rate === 0 ? 1 : weight);
    this.#cursor = cursor;
    this.#since = now;
    if (this.#pullingSince !== null) this.#pullingSince = now;
  }

  /** Milliseconds in which the pull under way has got nowhere; 0 while there is none, however long that is. */
  get stalledMs(): number {
    return this.#pullingSince === null ? 0 : this.#now() - this.#pullingSince;
  }

  get generation(): bigint {
    return this.#generation;
  }

  /** When this generation was first seen, in milliseconds of `now`. */
  get generationSince(): number {
    return this.#generationSince;
  }

  get events(): number {
    return this.#events;
  }

  get ratePerSecond(): number {
    const silent = Math.max(0, (this.#now() - this.#since) / 1000 - 1);
    return Math.round(this.#rate * Math.exp(-silent / 5));
  }
}
