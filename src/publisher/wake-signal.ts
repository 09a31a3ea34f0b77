/** Wakes the one who waits for anything to have changed. Ringing while nobody waits is free. */
export class WakeSignal {
  #wake: (() => void) | null = null;

  ring(): void {
    this.#wake?.();
  }

  /** Resolves at the next ring, when the signal is aborted, and after these milliseconds at the latest. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}
