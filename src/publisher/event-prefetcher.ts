import type { PageRequest, RawEvent, readRawPage } from '../event-store/read.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';

const PAGE = 2000;
/** Payload bytes of one page at most; two pages are held. */
const MAX_BYTES = 4 * 1024 * 1024;

type Page = Awaited<ReturnType<typeof readRawPage>>;

/** Yields the events up to the high-water mark in order. The next page is read while the events of this one are sent. */
export class EventPrefetcher {
  readonly #readPage: (request: PageRequest) => Promise<Page>;
  readonly #highWaterMark: Pick<HighWaterMarkSource, 'latest' | 'refresh'>;
  #page: Page | null = null;
  #index = 0;
  #ahead: { readonly after: bigint; readonly page: Promise<Page> } | null = null;

  constructor(
    readPage: (request: PageRequest) => Promise<Page>,
    highWaterMark: Pick<HighWaterMarkSource, 'latest' | 'refresh'>,
  ) {
    this.#readPage = readPage;
    this.#highWaterMark = highWaterMark;
  }

  /** The first event after this position; null when there is none up to the high-water mark. */
  async next(after: bigint): Promise<RawEvent | null> {
    const ready = this.ready(after);
    if (ready !== null) return ready;
    this.#page = await this.#nextPage(after);
    this.#index = 0;
    return this.#page.events[0] ?? null;
  }

  /** The same event, if it is in memory: awaiting each of a hundred thousand events would cost more than sending them. */
  ready(after: bigint): RawEvent | null {
    const page = this.#page;
    if (page === null) return null;
    const before = this.#index === 0 ? page.after : page.events[this.#index - 1]?.position;
    if (before === after) return page.events[this.#index] ?? null;
    const event = page.events[this.#index];
    if (event?.position !== after) return null;
    this.#index += 1;
    return page.events[this.#index] ?? null;
  }

  /** Drops the events in memory. After a lost connection they may not exist any more: a crash can take events back. */
  invalidate(): void {
    this.#page = null;
    this.#ahead = null;
  }

  async #nextPage(after: bigint): Promise<Page> {
    const ahead = this.#ahead;
    this.#ahead = null;
    const page = ahead?.after === after ? await ahead.page : await this.#read(after);
    const last = page.events.at(-1)?.position;
    if (page.more && last !== undefined) {
      const next = this.#read(last);
      // A page read ahead is awaited when it is needed. It is never awaited when the publisher goes back before it.
      next.catch(() => undefined);
      this.#ahead = { after: last, page: next };
    }
    return page;
  }

  async #read(after: bigint): Promise<Page> {
    const head = this.#highWaterMark.latest() ?? (await this.#highWaterMark.refresh());
    return await this.#readPage({ after, head, names: null, limit: PAGE, maxBytes: MAX_BYTES });
  }
}
