import { type RawEvent, readRawPage } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';

const PAGE = 2000;
/** Payload bytes of one page at most; two pages are held. */
const MAX_BYTES = 4 * 1024 * 1024;

type Page = Awaited<ReturnType<typeof readRawPage>>;

/** The events below the safe head one after another, the next page being read while this one is sent. */
export class EventPrefetcher {
  readonly #reader: Sql;
  readonly #highWaterMark: HighWaterMarkSource;
  #page: Page | null = null;
  #index = 0;
  #ahead: { readonly after: bigint; readonly page: Promise<Page> } | null = null;

  constructor(reader: Sql, highWaterMark: HighWaterMarkSource) {
    this.#reader = reader;
    this.#highWaterMark = highWaterMark;
  }

  /** The first event after this position; null when nothing is left up to the head. */
  async next(after: bigint): Promise<RawEvent | null> {
    const ready = this.ready(after);
    if (ready !== null) return ready;
    this.#page = await this.#nextPage(after);
    this.#index = 0;
    return this.#page.events[0] ?? null;
  }

  /** The same, if it is in memory: awaiting each of a hundred thousand events would cost more than sending them. */
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

  /** What was read is no longer to be trusted: a connection was lost, and a crash may have taken events back. */
  forget(): void {
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
      next.catch(() => undefined); // Awaited when it is needed; read for nothing when the publisher goes back.
      this.#ahead = { after: last, page: next };
    }
    return page;
  }

  async #read(after: bigint): Promise<Page> {
    const head = this.#highWaterMark.latest() ?? (await this.#highWaterMark.refresh());
    const request = { after, head, names: null, limit: PAGE, maxBytes: MAX_BYTES };
    return await readRawPage(this.#reader, request);
  }
}
