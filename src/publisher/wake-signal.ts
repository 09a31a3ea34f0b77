import type { Clock } from '../core/clock.ts';
import { onAbort } from '../core/signals.ts';

/** Wakes the one waiting caller when something has changed. `wake` has no effect while no caller waits. */
export class WakeSignal {
  readonly #clock: Clock;
  #end: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#end?.();
  }

  /** Resolves at the next `wake`, when the signal is aborted, and after `ms` milliseconds at the latest. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        release();
        this.#end = null;
        resolve();
      };
      const cancel = this.#clock.later(ms, end);
      const release = onAbort(signal, end);
      this.#end = end;
    });
  }
}
