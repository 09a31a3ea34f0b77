import type { Clock } from '../../src/core/clock.ts';
import { onAbort } from '../../src/core/signals.ts';

/** A clock that a test moves: nothing happens until `pass` or `turn`. Its wall clock and its monotonic clock are one. */
export class ManualClock implements Clock {
  /** What `random` returns. */
  chance = 0;
  #now = 1_700_000_000_000;
  #soon: (() => void)[] = [];
  #later: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const release = onAbort(signal, () => {
        cancel();
        reject(signal.reason);
      });
      const cancel = this.later(ms, () => {
        release();
        resolve();
      });
    });
  }

  later(ms: number, run: () => void): () => void {
    const one = { at: this.#now + ms, run };
    this.#later.push(one);
    return () => {
      this.#later = this.#later.filter((other) => other !== one);
    };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** One turn of the event loop. */
  turn(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  /** Moves the time, runs each timer that has become due, and ends the turn. */
  pass(ms: number): void {
    this.#now += ms;
    const due = this.#later.filter(({ at }) => at <= this.#now);
    this.#later = this.#later.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
    this.turn();
  }

  get timers(): number {
    return this.#later.length;
  }
}
