/** Bounds of an adaptive page, in events. */
export const PAGE_MIN = 200;
export const PAGE_MAX = 5000;

/**
 * The size of the next page, from the milliseconds of the last one. It grows while pages are quick, since each page costs a
 * commit. It shrinks if a page takes so long that a stop, a reset or a lock on its rows has to wait for it.
 */
export function nextPageSize(size: number, page: { readonly full: boolean; readonly ms: number }): number {
  if (page.ms > 1000) return Math.max(Math.min(size, PAGE_MIN), Math.floor(size / 2));
  if (page.full && page.ms < 400) return Math.min(PAGE_MAX, size * 2);
  return size;
}
