import { Latency } from '../feed/latency.ts';

/**
 * How fast a projection moves, in positions per second (so that it divides the lag, which counts positions too).
 * Averaged over about five seconds; falls to 0 while nothing moves.
 */
export class Progress {
  readonly latency = new Latency(() => Date.now());
  readonly #now: () => number;
  #cursor = 0n;
  #generation = 0n;
  #events = 0;
  #rate = 0;
  #since: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Where a fresh look at the stored row found it. */
  place(cursor: bigint, generation: bigint): void {
    this.#cursor = cursor;
    this.#generation = generation;
    this.#since = this.#now();
  }

  applied(events: number, cursor: bigint, _ms: number): void {
    const now = this.#now();
    const seconds = Math.max(0.001, (now - this.#since) / 1000);
    const weight = 1 - Math.exp(-seconds / 5);
    this.#rate += (Number(cursor - this.#cursor) / seconds - this.#rate) * (this.#rate === 0 ? 1 : weight);
    this.#events += events;
    this.#cursor = cursor;
    this.#since = now;
  }

  get generation(): bigint {
    return this.#generation;
  }

  get events(): number {
    return this.#events;
  }

  get ratePerSecond(): number {
    const silent = Math.max(0, (this.#now() - this.#since) / 1000 - 1);
    return Math.round(this.#rate * Math.exp(-silent / 5));
  }
}
