/** Bytes of the events in memory of all projections of a process: pages that are applied, read ahead, or being read. */
const TOTAL = 64 * 1024 * 1024;
/** Greatest bytes of one page: 20 events of 10 MB must not be in memory together. */
const PAGE_MOST = 8 * 1024 * 1024;
/** Smallest share of a page, also with many projections. */
const PAGE_LEAST = 64 * 1024;

/** Room for one page. */
export interface Share {
  /** Greatest bytes of the page. */
  readonly bytes: number;
  /** The page was read and has this many bytes: the rest is free again. A single event may exceed the share. */
  resize(bytes: number): void;
  /** The page was applied or dropped. A second call does nothing. */
  release(): void;
}

/**
 * The memory for pages of a process, shared by its projections. The more pages ask for memory, the smaller is each share:
 * many projections that catch up together all get a small page, instead of a few getting a large one. A page without room
 * waits in a queue.
 *
 * No page waits for room while it holds some, since a page is read ahead with `tryTake`, which does not wait. So there is
 * no deadlock. Memory that is released goes to the queue first, so no page overtakes it. A single event may be larger than
 * the whole budget: the other pages wait until it is released.
 */
export class PageBudget {
  readonly total: number;
  readonly #most: number;
  readonly #least: number;
  #held = 0;
  #shares = 0;
  /** The pages that wait, in order. Each function takes a share if there is room, and returns whether it did. */
  readonly #queue: (() => boolean)[] = [];

  constructor({ total = TOTAL, most = PAGE_MOST, least = PAGE_LEAST } = {}) {
    this.total = total;
    this.#most = Math.min(most, total);
    this.#least = Math.min(least, this.#most);
  }

  /** Bytes in use. They exceed `total` only while a single event is larger than its share. */
  get held(): number {
    return this.#held;
  }

  /** Number of pages that wait for room. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** A share, or null if there is no room now: for a page that can be read later. */
  tryTake(): Share | null {
    return this.#take();
  }

  /** Waits for a share in the order of the calls. @throws the signal's reason */
  async take(signal: AbortSignal): Promise<Share> {
    signal.throwIfAborted();
    const share = this.tryTake();
    if (share !== null) return share;
    return await new Promise<Share>((resolve, reject) => {
      const admit = (): boolean => {
        const given = this.#take();
        if (given === null) return false;
        signal.removeEventListener('abort', abort);
        resolve(given);
        return true;
      };
      const abort = (): void => {
        this.#queue.splice(this.#queue.indexOf(admit), 1);
        // The pages behind it may get a smaller share, for which there is room.
        this.#admit();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#queue.push(admit);
    });
  }

  #take(): Share | null {
    const bytes = this.#shareSize();
    // The bytes of a single event beyond its share count too, so less than zero may be left.
    if (this.#held + bytes > this.total) return null;
    let mine = bytes;
    let open = true;
    this.#held += bytes;
    this.#shares += 1;
    const change = (to: number): void => {
      this.#held += to - mine;
      mine = to;
      this.#admit();
    };
    return {
      bytes,
      resize: (actual) => {
        if (open) change(actual);
      },
      release: () => {
        if (!open) return;
        open = false;
        this.#shares -= 1;
        change(0);
      },
    };
  }

  #shareSize(): number {
    const claims = this.#shares + Math.max(1, this.#queue.length);
    return Math.max(this.#least, Math.min(this.#most, Math.floor(this.total / claims), this.total - this.#held));
  }

  #admit(): void {
    while (this.#queue[0]?.() === true) this.#queue.shift();
  }
}
