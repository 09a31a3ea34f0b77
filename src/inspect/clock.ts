/** What the hub knows of time; tests have one of their own. */
export interface HubClock {
  /** Milliseconds since 1970. */
  date(): number;
  /** Milliseconds that never go back. */
  ticks(): number;
  /** After what runs now. */
  soon(run: () => void): void;
  /** @returns the way to cancel it */
  later(ms: number, run: () => void): () => void;
}

export const realClock: HubClock = {
  date: () => Date.now(),
  ticks: () => performance.now(),
  soon: (run) => void setImmediate(run),
  later: (ms, run) => {
    const timer = setTimeout(run, ms);
    // What is held back is no reason to keep a process alive.
    timer.unref();
    return () => clearTimeout(timer);
  },
};
