/** What one look at the store found: see src/event-store/high-water-mark.ts for the statements. */
export interface AllocationReading {
  /** Highest position drawn so far, whether or not its transaction has committed. */
  readonly lastAllocated: bigint;
  /** Low 31 bits of each announced lower bound that is held at this moment. */
  readonly announced: readonly bigint[];
}

const SPAN = 2n ** 31n;
const JUMP = 2n ** 30n;
/** Positions that may be drawn between the two statements of one look. */
const MEANWHILE = 2n ** 20n;

/** The result, and what the next look is compared with. */
export interface HighWaterMark {
  readonly head: bigint;
  readonly lastAllocated: bigint;
}

/**
 * The highest position below which nothing can appear any more: every open appender has announced a bound b and draws
 * only above it. `previous` is the last result, null at first: the head never falls.
 *
 * Announcements carry 31 bits. They are unwrapped against `drawn`, which is right while an appender stays open for less
 * than 2^31 - 2^20 positions; after a jump of more than 2^30 between two looks that can no longer be told, so the mark holds
 * until nobody has an announcement.
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
 * The greatest number with these low 31 bits that is at or below `drawn`, or a little above it: appenders that began
 * after `drawn` was read have announced more than it, and must not look like ones that began 2^31 positions ago. Under
 * a steady load there is always one, and the head would stand still.
 */
function unwrap(low: bigint, lastAllocated: bigint): bigint {
  const limit = lastAllocated + MEANWHILE;
  const candidate = (limit & ~(SPAN - 1n)) | low;
  return candidate > limit ? candidate - SPAN : candidate;
}
