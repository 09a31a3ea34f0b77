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
