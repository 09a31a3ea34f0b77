/** Result of the first two statements of one poll: see src/event-store/high-water-mark.ts. */
export interface AllocationReading {
  /** Highest position allocated so far, whether or not its transaction has committed. */
  readonly lastAllocated: bigint;
  /** Low 31 bits of each announced bound that a transaction holds now. */
  readonly announced: readonly bigint[];
}

const SPAN = 2n ** 31n;
const JUMP = 2n ** 30n;
/** Positions that may be allocated between the two statements of one poll. */
const MEANWHILE = 2n ** 20n;

/** The result. The next poll is compared with it. */
export interface HighWaterMark {
  readonly head: bigint;
  readonly lastAllocated: bigint;
}

/**
 * The high-water mark: no event can appear at or below it any more. Every open appender has announced a bound b and
 * allocates only above b. `previous` is the last result, null at first: the mark never falls.
 *
 * Announcements carry 31 bits. They are unwrapped against `lastAllocated`, which is right while an appender stays open for
 * less than 2^31 - 2^20 positions. After a jump of more than 2^30 between two polls this is not known, so the mark holds
 * until no transaction has an announcement.
 */
export function nextHighWaterMark(
  { lastAllocated, announced }: AllocationReading,
  previous: HighWaterMark | null,
): HighWaterMark {
  if (previous !== null && announced.length > 0 && lastAllocated - previous.lastAllocated > JUMP) return previous;
  const bound = announced.map((low) => unwrap(low, lastAllocated)).reduce((a, b) => (b < a ? b : a), lastAllocated);
  return { head: previous !== null && previous.head > bound ? previous.head : bound, lastAllocated };
}

/**
 * The greatest number with these low 31 bits that is at or below `lastAllocated`, or at most MEANWHILE above it. An appender
 * that began after `lastAllocated` was read has announced more, and must not be taken for one that began 2^31 positions ago.
 * Under a steady load there is always such an appender, and the mark would never rise.
 */
function unwrap(low: bigint, lastAllocated: bigint): bigint {
  const limit = lastAllocated + MEANWHILE;
  const candidate = (limit & ~(SPAN - 1n)) | low;
  return candidate > limit ? candidate - SPAN : candidate;
}
