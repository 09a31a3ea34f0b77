import { nextSpan, spanAfterFailure } from '../core/page-span.ts';
import type { ReadPage } from '../event-store/read.ts';
import { nextPageSize, PAGE_MIN } from './page-size-bounds.ts';

/** The number of events of the next page, and the number of positions that are read for them. */
export class PageLimit {
  readonly #given: number | null;
  #events: number;
  #span: number;

  /** @param given a fixed number of events; null: the number adapts */
  constructor(given: number | null) {
    this.#given = given;
    this.#events = given ?? PAGE_MIN;
    this.#span = this.#events;
  }

  get events(): number {
    return this.#events;
  }

  get span(): number {
    return this.#span;
  }

  /** A page was read in so many milliseconds. */
  spanRead(page: Pick<ReadPage, 'after' | 'to' | 'events' | 'full' | 'more'>, ms: number): void {
    // Up to the high-water mark there may have been few positions to read, so the time says nothing about the span.
    if (!page.more) return;
    const last = { positions: Number(page.to - page.after), events: page.events.length, full: page.full, ms };
    this.#span = nextSpan(this.#span, last, this.#events);
  }

  /** The read of a page failed: the server did not answer, or not in time. */
  readFailed(): void {
    this.#span = spanAfterFailure(this.#span);
  }

  /** A page was applied in so many milliseconds. `full`: there are more events behind it. */
  applied(page: { readonly full: boolean; readonly ms: number }): void {
    const next = nextPageSize(this.#events, page);
    if (this.#given === null) this.#events = next;
    // A fixed size that a deadline has made smaller grows back to its value.
    else if (this.#events < this.#given) this.#events = Math.min(this.#given, next);
  }

  /** A page of so many events exceeded its deadline. @returns the number of events of the next page */
  tooSlow(events: number): number {
    this.#events = Math.max(1, Math.floor(events / 2));
    return this.#events;
  }
}
