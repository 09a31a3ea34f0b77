/** Greatest number of entries. */
const KEPT = 512;

interface Entry {
  readonly position: bigint;
  /** Milliseconds when the high-water mark was first read there. */
  readonly at: number;
}

/**
 * The high-water mark over time. It gives the age of the first event that a projection has not applied, counted from when
 * the mark passed the event. The times of the events do not give that, since an event may be appended long after it
 * happened.
 *
 * Recent times are exact. Older entries are merged, which makes an age too long and never too short.
 */
export class HighWaterMarkTimeline {
  readonly #now: () => number;
  #entries: Entry[] = [];

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.length;
  }

  /** A poll has read the high-water mark here. If it is lower than before, a crash of the server took positions back. */
  note(position: bigint): void {
    while ((this.#entries.at(-1)?.position ?? 0n) > position) this.#entries.pop();
    if (this.#entries.at(-1)?.position === position) return;
    this.#entries.push({ position, at: this.#now() });
    if (this.#entries.length > KEPT) this.#entries = thinned(this.#entries);
  }

  /**
   * Seconds since the high-water mark was first read above `cursor`, or since the milliseconds `notBefore` if that is
   * later; null if it was not read there.
   */
  secondsAbove(cursor: bigint, notBefore: number): number | null {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.position ?? 0n) > cursor) high = middle;
      else low = middle + 1;
    }
    const first = this.#entries[low];
    if (first === undefined) return null;
    return Math.max(0, (this.#now() - Math.max(first.at, notBefore)) / 1000);
  }
}

/** In the older half, two consecutive entries become one: the later position, at the earlier time. */
function thinned(entries: readonly Entry[]): Entry[] {
  const half = Math.floor(entries.length / 4) * 2;
  const older: Entry[] = [];
  for (let at = 0; at < half; at += 2) {
    const [first, second] = [entries[at], entries[at + 1]];
    if (first !== undefined && second !== undefined) older.push({ position: second.position, at: first.at });
  }
  return [...older, ...entries.slice(half)];
}
