import { nextSpan, spanAfterFailure } from '../core/page-span.ts';
import type { ReadPage } from '../event-store/read.ts';
import { nextPageSize, PAGE_MIN } from './page-size-bounds.ts';

/** How many events the next page may have, and how many positions are looked through for them. */
export class PageLimit {
  readonly #given: number | null;
  #events: number;
  #span: number;

  /** @param given a fixed number of events, which is kept; null lets it adapt */
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

  /** A page has been read in so many milliseconds. */
  looked(page: Pick<ReadPage, 'after' | 'to' | 'events' | 'full' | 'more'>, ms: number): void {
    // Up to the head there may have been little to look through.
    if (!page.more) return;
    const last = { positions: Number(page.to - page.after), events: page.events.length, full: page.full, ms };
    this.#span = nextSpan(this.#span, last, this.#events);
  }

  /** The server did not answer in time, or not at all. */
  readFailed(): void {
    this.#span = spanAfterFailure(this.#span);
  }

  /** A page has been applied in so many milliseconds. `full`: there was more to read. */
  applied(page: { readonly full: boolean; readonly ms: number }): void {
    const next = nextPageSize(this.#events, page);
    if (this.#given === null) this.#events = next;
    // One that is given is come back to after a deadline has made it smaller.
    else if (this.#events < this.#given) this.#events = Math.min(this.#given, next);
  }

  /** A page of so many took longer than its deadline. @returns how many the next one has */
  tooSlow(events: number): number {
    this.#events = Math.max(1, Math.floor(events / 2));
    return this.#events;
  }
}
