/** Bytes of events that all projections of a process have in memory together: pages in hand, read ahead, being read. */
const TOTAL = 64 * 1024 * 1024;
/** Of one page at most: 20 events of 10 MB must not be in memory at once. */
const PAGE_MOST = 8 * 1024 * 1024;
/** Of one page at least, however many projections there are. */
const PAGE_LEAST = 64 * 1024;

/** Room for one page. */
export interface Share {
  /** What the page may have. */
  readonly bytes: number;
  /** The page is there and has this many: the rest is free again. One event may have more than a whole share. */
  settle(bytes: number): void;
  /** The page is done with. Idempotent. */
  release(): void;
}

/**
 * The memory that the pages of a process may take up, shared by its projections. The more of them want some, the smaller
 * is the part that each is given, so that many that catch up side by side have all a small page in place of few a large
 * one. Whoever finds none left waits in turn.
 *
 * Nobody waits while holding a page: a page read ahead is taken with `tryTake`, which does not wait. So there is no
 * circle. Whatever is given back goes to the line first, so nobody overtakes it. One event may be larger than all of it: it
 * holds up the rest while it is in hand.
 */
export class PageBudget {
  readonly total: number;
  readonly #most: number;
  readonly #least: number;
  #held = 0;
  #shares = 0;
  /** Whoever waits, the first in front: takes its part if there is one. */
  readonly #line: (() => boolean)[] = [];

  constructor({ total = TOTAL, most = PAGE_MOST, least = PAGE_LEAST } = {}) {
    this.total = total;
    this.#most = Math.min(most, total);
    this.#least = Math.min(least, this.#most);
  }

  /** Bytes that are taken. More than `total` only while a single event is larger than its share. */
  get held(): number {
    return this.#held;
  }

  /** How many pages wait for room. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Room at once, or null: for what can as well be read later. */
  tryTake(): Share | null {
    return this.#take();
  }

  /** Room, when it is this one's turn. @throws the signal's reason */
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
        this.#line.splice(this.#line.indexOf(admit), 1);
        // Those behind it may be given a smaller part, for which there is room.
        this.#admit();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#line.push(admit);
    });
  }

  #take(): Share | null {
    const bytes = this.#part();
    // What a single event has beyond its share counts too, so there may be less than nothing left.
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
      settle: (actual) => {
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

  #part(): number {
    const claims = this.#shares + Math.max(1, this.#line.length);
    return Math.max(this.#least, Math.min(this.#most, Math.floor(this.total / claims), this.total - this.#held));
  }

  #admit(): void {
    while (this.#line[0]?.() === true) this.#line.shift();
  }
}
