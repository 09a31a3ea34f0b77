/** Bounds of an adaptive page, in events. */
export const PAGE_MIN = 200;
export const PAGE_MAX = 5000;

/**
 * The next page's size from what the last one took: larger while pages are quick (each costs a commit), smaller when a
 * page takes so long that a stop, a reset or a lock on its rows would have to wait for it. Milliseconds.
 */
export function nextPageSize(size: number, page: { readonly full: boolean; readonly ms: number }): number {
  if (page.ms > 1000) return Math.max(Math.min(size, PAGE_MIN), Math.floor(size / 2));
  if (page.full && page.ms < 400) return Math.min(PAGE_MAX, size * 2);
  return size;
}

/** How many events the next page may have. */
export class PageSize {
  readonly #fixed: number | null;
  #events: number;

  /** @param fixed null: adapts */
  constructor(fixed: number | null) {
    this.#fixed = fixed;
    this.#events = fixed ?? PAGE_MIN;
  }

  get events(): number {
    return this.#events;
  }

  /** A page is committed. A fixed size is kept, and come back to after a deadline has made it smaller. */
  took(page: Parameters<typeof nextPageSize>[1]): void {
    const size = nextPageSize(this.#events, page);
    if (this.#fixed === null) this.#events = size;
    else if (this.#events < this.#fixed) this.#events = Math.min(this.#fixed, size);
  }

  /** A page of so many events ran into its deadline. */
  halve(events: number): void {
    this.#events = Math.max(1, Math.floor(events / 2));
  }
}
