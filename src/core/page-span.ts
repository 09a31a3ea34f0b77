/** Greatest number of positions that one read covers. */
export const SPAN_MAX = 100_000;
/** The span is not reduced below this, since such a read is slow for another reason than its span. */
const SPAN_SLOW = 1000;

/** The result of one read. */
export interface SpanRead {
  /** Number of positions between its begin and its end. */
  readonly positions: number;
  /** Number of events of the wanted types among them. */
  readonly events: number;
  /** Whether it ended early, at the greatest number of events or bytes of a page. */
  readonly full: boolean;
  readonly ms: number;
}

/**
 * Number of positions that the next read covers: as many as fill a page with wanted events, estimated from the last read, and
 * fewer while the store is slow. A read that finds more events than fit into its page is wasted, so a tenth of the page is
 * left free where wanted events do not follow each other directly.
 */
export function nextSpan(span: number, last: SpanRead, limit: number): number {
  if (last.ms > 1000) return Math.min(span, Math.max(SPAN_SLOW, Math.floor(last.positions / 2)));
  if (last.events === 0) return Math.min(SPAN_MAX, span * 4);
  const apart = last.events < last.positions;
  const room = apart ? limit * 0.9 : limit;
  const wanted = Math.floor((last.positions * room) / last.events);
  // A page that was cut was full of bytes, or met more events than the pages before it: the next span need not be smaller.
  const most = last.full && last.events < limit ? last.positions * 2 : span * 4;
  return Math.max(1, Math.min(SPAN_MAX, wanted, most));
}

/** The next span after a read that the server cancelled or whose connection was lost. */
export function spanAfterFailure(span: number): number {
  return Math.max(1, Math.min(span, Math.max(SPAN_SLOW, Math.floor(span / 4))));
}
