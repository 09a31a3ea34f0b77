/** Positions that one read looks through. */
export const SPAN_MAX = 100_000;
/** A read that is slow for other reasons than its span is not made smaller than this. */
const SPAN_SLOW = 1000;

/** What came of a read that looked through so many positions. */
export interface LookedThrough {
  /** From where it began to where it ended. */
  readonly positions: number;
  /** How many of them were events wanted. */
  readonly events: number;
  /** It ended early, with as many events or bytes as one page may have. */
  readonly full: boolean;
  readonly ms: number;
}

/**
 * Positions that the next read looks through: as many as the events wanted fill a page with, judged by the last one, and
 * fewer while the store takes long. A read that finds more than its page has room for is done in vain, so a tenth of the
 * room is left where the events wanted stand apart.
 */
export function nextSpan(span: number, last: LookedThrough, limit: number): number {
  if (last.ms > 1000) return Math.min(span, Math.max(SPAN_SLOW, Math.floor(last.positions / 2)));
  if (last.events === 0) return Math.min(SPAN_MAX, span * 4);
  const apart = last.events < last.positions;
  const room = apart ? limit * 0.9 : limit;
  const wanted = Math.floor((last.positions * room) / last.events);
  // A page that was cut had its fill of bytes, or met more events than the ones before it: room enough next time.
  const most = last.full && last.events < limit ? last.positions * 2 : span * 4;
  return Math.max(1, Math.min(SPAN_MAX, wanted, most));
}

/** The next one after a read that the server or the connection gave up. */
export function spanAfterFailure(span: number): number {
  return Math.max(1, Math.min(span, Math.max(SPAN_SLOW, Math.floor(span / 4))));
}
