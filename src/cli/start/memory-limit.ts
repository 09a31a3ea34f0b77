export interface MemoryLimit {
  /** Of the resident set, in megabytes. */
  readonly limitMb: number;
  /** Called once, with what was found. */
  readonly onExceeded: (foundMb: number) => void;
  /** Bytes. Default: this process's. */
  readonly rss?: () => number;
  /** Default 1000. */
  readonly everyMs?: number;
}

/**
 * Ends a leak before the system does: a drained process starts again where it was, a killed one takes the page in flight
 * along, and says nothing.
 * @returns the way to end this
 */
export function watchMemory({
  limitMb,
  onExceeded,
  rss = process.memoryUsage.rss,
  everyMs = 1000,
}: MemoryLimit): () => void {
  const timer = setInterval(() => {
    const foundMb = Math.round(rss() / 1024 / 1024);
    if (foundMb <= limitMb) return;
    clearInterval(timer);
    onExceeded(foundMb);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
