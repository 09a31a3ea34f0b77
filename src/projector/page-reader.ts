import type { PageTurns } from '../core/page-turns.ts';
import { type Page, readPage } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from './high-water-mark-source.ts';
import type { PageBudget, Share } from './page-budget.ts';
import { QueuedTask } from './page-queue.ts';
import type { PageLimit } from './page-size.ts';
import type { Progress } from './progress.ts';

/** A page in memory. Whoever is done with it says so. */
export interface HeldPage {
  readonly page: Page;
  /** The safe head is further on. */
  readonly more: boolean;
  release(): void;
}

export interface PageReaderOptions {
  readonly reader: Sql;
  /** In front of the connections of `reader`. Undefined: there are enough of them. */
  readonly turns?: PageTurns | undefined;
  readonly highWaterMark: HighWaterMarkSource;
  readonly names: ReadonlySet<string>;
  readonly limit: PageLimit;
  readonly budget: PageBudget;
  /** Pages of one event for now. */
  readonly alone: () => boolean;
  readonly progress: Progress;
  readonly now: () => number;
}

/** Reads the pages of one projection in their order, the next one while the one before is applied. */
export class PageReader {
  readonly #options: PageReaderOptions;
  #ahead: { readonly after: bigint; readonly page: QueuedTask<HeldPage> } | null = null;
  #waits = false;

  constructor(options: PageReaderOptions) {
    this.#options = options;
  }

  /** There is no room for a page: others have to be done with theirs first. */
  get waitsForRoom(): boolean {
    return this.#waits;
  }

  /** A page read ahead is no longer to be trusted. */
  forget(): void {
    this.#ahead?.page.cancel();
    this.#ahead?.page.result.then(({ release }) => release()).catch(() => undefined);
    this.#ahead = null;
  }

  /**
   * The page after `after`; the one behind it is begun to be read. Live, it may be what the looks have read along already
   * (catching up asks the store itself, which may have gained an event below the head since: an alarm, that a reset mends).
   * @throws the signal's reason; what the database says
   */
  async next(after: bigint, live: boolean, signal: AbortSignal): Promise<HeldPage> {
    const recent = live ? this.#recent(after) : null;
    if (recent !== null) return { page: recent, more: false, release: () => undefined };
    const ahead = this.#ahead;
    if (ahead === null || ahead.after !== after) this.forget();
    this.#ahead = null;
    const reading = ahead !== null && ahead.after === after ? ahead.page : this.#begin(after, await this.#room(signal));
    const held = await reading.wait(this.#options.progress, signal);
    if (held.more) this.#readAhead(held.page.to);
    return held;
  }

  #recent(after: bigint): Page | null {
    const { highWaterMark, names, limit, alone } = this.#options;
    return this.#ahead !== null || alone() ? null : highWaterMark.recent(after, names, limit.events);
  }

  #readAhead(after: bigint): void {
    const share = this.#options.budget.tryTake();
    if (share === null) return;
    // Read for nothing when the page before it fails.
    this.#ahead = { after, page: this.#begin(after, share) };
  }

  #begin(after: bigint, share: Share): QueuedTask<HeldPage> {
    let begun = false;
    const page = new QueuedTask(this.#options.turns, () => {
      begun = true;
      return this.#read(after, share);
    });
    page.result.catch(() => begun || share.release());
    return page;
  }

  async #room(signal: AbortSignal): Promise<Share> {
    const { budget, progress } = this.#options;
    const share = budget.tryTake();
    if (share !== null) return share;
    // The pages of others take what they take: that says nothing about this projection.
    progress.rests();
    this.#waits = true;
    try {
      return await budget.take(signal);
    } finally {
      this.#waits = false;
      progress.pulling();
    }
  }

  async #read(after: bigint, share: Share): Promise<HeldPage> {
    const { reader, highWaterMark, names, limit, alone, now } = this.#options;
    const release = (): void => share.release();
    try {
      const head = highWaterMark.latest() ?? (await highWaterMark.refresh());
      const began = now();
      const headId = highWaterMark.idAt(head);
      const page = await readPage(reader, {
        after,
        head,
        names: [...names],
        limit: alone() ? 1 : limit.events,
        maxBytes: share.bytes,
        span: limit.span,
      });
      highWaterMark.passed(page.events);
      share.settle(page.bytes);
      limit.looked(page, now() - began);
      const last = page.events.at(-1);
      const toId = page.to === last?.position ? last.id : page.to === head ? headId : null;
      return { page: { ...page, toId }, more: page.more, release };
    } catch (error) {
      release();
      limit.readFailed();
      throw error;
    }
  }
}
