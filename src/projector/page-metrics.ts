import type { HandlerSlot } from './handler-board.ts';
import type { PageMode, PageOutcome } from './page-outcome.ts';

/** How often something was done, and the seconds that took in all. */
export interface Timing {
  readonly count: number;
  readonly seconds: number;
}

/** What a projection's pages have come to since the start of the daemon. Counts only rise. */
export interface PageMetrics {
  /** Committed whole, by the way they were applied. Seconds from asking for the page to its commit. */
  readonly pages: Readonly<Record<PageMode, Timing>>;
  /** Committed, of the types that the projection handles. */
  readonly events: number;
  /** Attempts at an event that could not be applied. */
  readonly failures: number;
  /** Pulls that began with an event that had failed before. */
  readonly retries: number;
  /** In order: statements by type of the event that asked for them; of a page at once, equal shares of its round trip. A handler that runs SQL of its own counts as one. */
  readonly statements: ReadonlyMap<string, Timing>;
  /** Folded: what was read and written of each table, once a page. */
  readonly folds: ReadonlyMap<string, Timing>;
}

type Cut = Extract<PageOutcome, { readonly kind: 'failed' | 'waiting' }>;
type Sums = { count: number; seconds: number };

/** Counts what pages come to. Pure; cheap enough to be told of every event and statement. Times in milliseconds. */
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

  /** @param slot where the watchdog looks for what is being handled */
  constructor(slot: HandlerSlot | null = null) {
    this.#slot = slot;
  }

  /** The handler of this event is called now. */
  handling(position: bigint): void {
    this.#slot?.enter(position);
  }

  /** The handler has returned what to do. */
  returned(): void {
    this.#slot?.back();
  }

  /** What the handlers want is planned and encoded now, until `handled`. */
  preparing(events: readonly { readonly position: bigint }[]): void {
    const [first] = events;
    if (first !== undefined) this.#slot?.prepare(first.position, events.length);
  }

  /** The handlers that were called have come back. */
  handled(): void {
    this.#slot?.leave();
  }

  /** `eventName`: one that the projection handles, so there are only so many. */
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

  /** Only what precedes an event was committed: it failed, or waits. */
  cut(events: readonly { readonly position: bigint }[], outcome: Cut): void {
    const passed = events.filter(({ position }) => position <= outcome.cursor).length;
    if (outcome.kind === 'failed') this.#failures += 1;
    // The cursor is on the event that was passed over.
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
