import type { PageTurns } from '../core/page-turns.ts';
import type { Page } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from './high-water-mark-source.ts';
import type { PageBudget, Share } from './page-budget.ts';
import { QueuedTask } from './page-queue.ts';
import type { PageLimit } from './page-size.ts';
import type { EventSource } from './ports.ts';
import type { Progress } from './progress.ts';

/** A page in memory. The caller releases it when the page is applied or dropped. */
export interface HeldPage {
  readonly page: Page;
  /** Whether the high-water mark is above the end of the page. */
  readonly more: boolean;
  release(): void;
}

export interface PageReaderOptions {
  readonly events: Pick<EventSource, 'readPage'>;
  readonly reader: Sql;
  /** Turns for the connections of `reader`. Undefined: there are enough connections. */
  readonly turns?: PageTurns | undefined;
  readonly highWaterMark: HighWaterMarkSource;
  readonly names: ReadonlySet<string>;
  readonly limit: PageLimit;
  readonly budget: PageBudget;
  /** Whether pages have one event for now, since the crash-loop guard is on. */
  readonly alone: () => boolean;
  readonly progress: Progress;
  readonly now: () => number;
}

/** Reads the pages of one projection in order. The next page is read while the page before it is applied. */
export class PageReader {
  readonly #options: PageReaderOptions;
  #ahead: { readonly after: bigint; readonly page: QueuedTask<HeldPage> } | null = null;
  #waits = false;

  constructor(options: PageReaderOptions) {
    this.#options = options;
  }

  /** Whether the read waits until pages of other projections have left the memory budget. */
  get waitsForRoom(): boolean {
    return this.#waits;
  }

  /** Drops the page that was read ahead. */
  invalidate(): void {
    this.#ahead?.page.cancel();
    this.#ahead?.page.result.then(({ release }) => release()).catch(() => undefined);
    this.#ahead = null;
  }

  /**
   * The page after `after`; the read of the page behind it starts. A live projection may get events that the polls have read
   * already. A catch-up reads the store itself, which may have gained an event below the high-water mark since: that
   * raises an alarm, which a reset clears.
   * @throws the signal's reason; the error of the database
   */
  async next(after: bigint, live: boolean, signal: AbortSignal): Promise<HeldPage> {
    const recent = live ? this.#recent(after) : null;
    if (recent !== null) return { page: recent, more: false, release: () => undefined };
    const ahead = this.#ahead;
    if (ahead === null || ahead.after !== after) this.invalidate();
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
    // If the page before it fails, this one is dropped.
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
    // The wait depends on the pages of other projections, so it does not count as a stall of this one.
    progress.idle();
    this.#waits = true;
    try {
      return await budget.take(signal);
    } finally {
      this.#waits = false;
      progress.running();
    }
  }

  async #read(after: bigint, share: Share): Promise<HeldPage> {
    const { events, reader, highWaterMark, names, limit, alone, now } = this.#options;
    const release = (): void => share.release();
    try {
      const head = highWaterMark.latest() ?? (await highWaterMark.refresh());
      const began = now();
      const headId = highWaterMark.idAt(head);
      const page = await events.readPage(reader, {
        after,
        head,
        names: [...names],
        limit: alone() ? 1 : limit.events,
        maxBytes: share.bytes,
        span: limit.span,
      });
      highWaterMark.passed(page.events);
      share.resize(page.bytes);
      limit.spanRead(page, now() - began);
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
