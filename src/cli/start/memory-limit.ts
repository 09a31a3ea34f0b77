export interface MemoryLimit {
  /** Megabytes of the resident set. */
  readonly limitMb: number;
  /** Called once, with the megabytes found. */
  readonly onExceeded: (foundMb: number) => void;
  /** Bytes of the resident set. Default: those of this process. */
  readonly rss?: () => number;
  /** Milliseconds between two checks. Default 1000. */
  readonly everyMs?: number;
}

/**
 * Reports a process that exceeds its limit, before the system kills it: a daemon that drains commits its pages and logs
 * the reason; a killed one rolls its pages back and logs nothing.
 * @returns ends the checks
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
