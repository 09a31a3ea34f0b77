import type { HandlerSlot } from './handler-board.ts';
import { Latency } from './latency.ts';
import { PageMetricsRecorder } from './page-metrics.ts';
import type { PageMode } from './page-outcome.ts';

/**
 * The speed of a projection and the time since it last moved. The rate is in positions per second, so that it divides the
 * lag, which counts positions too. It is averaged over about five seconds and falls to 0 while the cursor does not move.
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
  /** When the run under way last made progress; null while no run is under way. */
  #runningSince: number | null = null;
  /** When the projection began to wait for its turn; null while it does not wait. */
  #queuedSince: number | null = null;

  /** Text that names the holders of the lock for which the page waits; null if it waits for none, or not for long. */
  lockedBy: string | null = null;

  /**
   * @param now a monotonic clock in milliseconds
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

  /** The stored row was loaded, with this cursor and generation. */
  loaded(cursor: bigint, generation: bigint): void {
    this.#cursor = cursor;
    if (generation !== this.#generation) this.#generationSince = this.#now();
    this.#generation = generation;
    this.#since = this.#now();
  }

  /** A run starts or goes on, or a page is tried in a transaction of its own: the time without progress starts again. */
  running(): void {
    this.#runningSince = this.#now();
  }

  /** The run has ended, or waits for something that is no stall of its own. */
  idle(): void {
    this.#runningSince = null;
  }

  /** The run waits for a free connection for its page. However long that takes, it is no stall of this projection. */
  queued(): void {
    this.idle();
    this.#queuedSince = this.#now();
  }

  /** The turn has come, or the wait was cancelled. */
  dequeued(): void {
    this.#queuedSince = null;
    this.running();
  }

  /** Milliseconds that the projection has waited for its turn; 0 while it does not wait. */
  get waitedMs(): number {
    return this.#queuedSince === null ? 0 : this.#now() - this.#queuedSince;
  }

  /** A page was committed, `ms` after it was requested. */
  applied(events: number, cursor: bigint, ms: number, mode: PageMode = 'in_order'): void {
    this.pages.applied(events, mode, ms);
    this.#events += events;
    this.#move(cursor);
  }

  /** Events that the projection does not handle were read, up to this position. */
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
    if (this.#runningSince !== null) this.#runningSince = now;
  }

  /** Milliseconds for which the run under way has made no progress; 0 while no run is under way. */
  get stalledMs(): number {
    return this.#runningSince === null ? 0 : this.#now() - this.#runningSince;
  }

  get generation(): bigint {
    return this.#generation;
  }

  /** When this generation was first loaded, in milliseconds of `now`. */
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
