import { nextPageSize, PAGE_MIN } from '../core/page-size.ts';

/** How many events the next page may have. */
export class PageLimit {
  readonly #given: number | null;
  #events: number;

  /** @param given a fixed number, which is kept; null lets it adapt */
  constructor(given: number | null) {
    this.#given = given;
    this.#events = given ?? PAGE_MIN;
  }

  get events(): number {
    return this.#events;
  }

  /** A page has been applied in so many milliseconds. */
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
