import type { HandlerSlot } from './handler-board.ts';
import type { PageMode, PageOutcome } from './page-outcome.ts';

/** The number of operations and their seconds together. */
export interface Timing {
  readonly count: number;
  readonly seconds: number;
}

/** Counts of the pages of a projection since the start of the daemon. They only rise. */
export interface PageMetrics {
  /** Pages that were committed whole, by mode. Seconds from the request of the page to its commit. */
  readonly pages: Readonly<Record<PageMode, Timing>>;
  /** Committed events of the types that the projection handles. */
  readonly events: number;
  /** Failed attempts at an event. */
  readonly failures: number;
  /** Runs that began with an event that had failed before. */
  readonly retries: number;
  /**
   * Statements that were run in order, by the type of their event. Those of a page in a single round trip count with equal
   * shares of it. A handler that runs SQL of its own counts as one statement.
   */
  readonly statements: ReadonlyMap<string, Timing>;
  /** Folded pages by table: the read and the write of the table are one operation. */
  readonly folds: ReadonlyMap<string, Timing>;
}

type Cut = Extract<PageOutcome, { readonly kind: 'failed' | 'waiting' }>;
type Sums = { count: number; seconds: number };

/** Records the metrics of pages. Pure, and cheap enough to be called for every event and statement. Times in milliseconds. */
export class PageMetricsRecorder {
  readonly #slot: HandlerSlot | null;
  readonly #pages: Record<PageMode, Sums> = {
    folded: { count: 0, seconds: 0 },
    in_order: { count: 0, seconds: 0 },
    at_once: { count: 0, seconds: 0 },
  };
  readonly #statements = new Map<string, Sums>();
  readonly #folds = new Map<string, Sums>();
  #events = 0;
  #failures = 0;
  #retries = 0;

  /** @param slot the entry from which the watchdog reads the position that is handled */
  constructor(slot: HandlerSlot | null = null) {
    this.#slot = slot;
  }

  /** The handler of this event is called now. */
  handling(position: bigint): void {
    this.#slot?.enter(position);
  }

  /** The handler has returned its statements. */
  returned(): void {
    this.#slot?.back();
  }

  /** The statements of the handlers are planned and encoded from now on, until `handled`. */
  preparing(events: readonly { readonly position: bigint }[]): void {
    const [first] = events;
    if (first !== undefined) this.#slot?.prepare(first.position, events.length);
  }

  /** The handlers that were called have returned, and the page is prepared. */
  handled(): void {
    this.#slot?.leave();
  }

  /** `eventName`: a type that the projection handles, so the number of entries is bounded. */
  statement(eventName: string, ms: number): void {
    add(this.#statements, eventName, ms);
  }

  folded(table: string, ms: number): void {
    add(this.#folds, table, ms);
  }

  applied(events: number, mode: PageMode, ms: number): void {
    const sums = this.#pages[mode];
    sums.count += 1;
    sums.seconds += ms / 1000;
    this.#events += events;
  }

  /** Only the events before one that failed or waits were committed. */
  cut(events: readonly { readonly position: bigint }[], outcome: Cut): void {
    const passed = events.filter(({ position }) => position <= outcome.cursor).length;
    if (outcome.kind === 'failed') this.#failures += 1;
    // After a skip the cursor is at the skipped event, which was not applied.
    this.#events += outcome.kind === 'failed' && outcome.verdict === 'skip' ? passed - 1 : passed;
  }

  retried(): void {
    this.#retries += 1;
  }

  metrics(): PageMetrics {
    const { folded, in_order, at_once } = this.#pages;
    return {
      pages: { folded: { ...folded }, in_order: { ...in_order }, at_once: { ...at_once } },
      events: this.#events,
      failures: this.#failures,
      retries: this.#retries,
      statements: new Map(this.#statements),
      folds: new Map(this.#folds),
    };
  }
}

function add(sums: Map<string, Sums>, key: string, ms: number): void {
  const known = sums.get(key);
  if (known === undefined) sums.set(key, { count: 1, seconds: ms / 1000 });
  else {
    known.count += 1;
    known.seconds += ms / 1000;
  }
}
