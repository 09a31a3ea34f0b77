/** Entries kept at most. */
const KEPT = 512;

interface Entry {
  readonly position: bigint;
  /** Milliseconds, when the head was first seen there. */
  readonly at: number;
}

/**
 * When the head was where: tells how long an event has been known that a projection has not applied. The times of the
 * events themselves do not tell that, since an event may be appended long after it happened.
 *
 * Recent times are exact; older ones are thinned, and then say too long rather than too short.
 */
export class HighWaterMarkTimeline {
  readonly #now: () => number;
  #entries: Entry[] = [];

  /** @param now milliseconds that only rise */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Entries held. */
  get size(): number {
    return this.#entries.length;
  }

  /** A poll has found the head here. Lower than before: a crash of the server took positions back. */
  note(position: bigint): void {
    while ((this.#entries.at(-1)?.position ?? 0n) > position) this.#entries.pop();
    if (this.#entries.at(-1)?.position === position) return;
    this.#entries.push({ position, at: this.#now() });
    if (this.#entries.length > KEPT) this.#entries = thinned(this.#entries);
  }

  /**
   * Seconds since the head was first seen above `cursor`, or since the milliseconds `notBefore` where that is later; null
   * where it has not been seen there.
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

/** Of the older half, two neighbours become one: the later position, at the earlier time. */
function thinned(entries: readonly Entry[]): Entry[] {
  const half = Math.floor(entries.length / 4) * 2;
  const older: Entry[] = [];
  for (let at = 0; at < half; at += 2) {
    const [first, second] = [entries[at], entries[at + 1]];
    if (first !== undefined && second !== undefined) older.push({ position: second.position, at: first.at });
  }
  return [...older, ...entries.slice(half)];
}
