import { setTimeout as pause } from 'node:timers/promises';
import { type ErrorCode, isEngineError } from '../core/errors.ts';
import type { PullMode, PullOutcome } from '../core/port.ts';
import type { InOrder } from '../core/status.ts';
import type { Page } from '../store/read.ts';
import { isConnectionLost } from '../store/sqlstate.ts';
import type { IdleMove } from '../store/state.ts';
import { applyPage } from './apply-page.ts';
import { failedPull, logFailure, logTooSlow } from './failure-text.ts';
import { HaltGate } from './halt-gate.ts';
import { inTurn } from './in-turn.ts';
import { openPlace, type Place } from './open-place.ts';
import type { PageMode, PageOutcome } from './outcome.ts';
import { PageBudget } from './page-budget.ts';
import { PageLimit } from './page-limit.ts';
import { PageReader } from './page-reader.ts';
import { newestTime } from './page-work.ts';
import type { PullerOptions, Step } from './puller-options.ts';

/** Milliseconds until a row that somebody held is tried once more. */
const HELD_MS = 10;
/** No repetition mends these: an operator decides. */
const UNFIT = new Set<ErrorCode>(['PROJECTION_REFUSED', 'HISTORY_AHEAD', 'HISTORY_DIVERGED']);
const HALTED = { kind: 'halted', detail: 'halted before an event that failed' } as const;

/**
 * The loop of one projection: read a page, apply it, while the next one is read already. It keeps two places: where the
 * stored row stands (`place`), and how far events have been looked at (`scanned`), which runs ahead over events that
 * the projection does not handle; those moves are stored later, many projections at once.
 */
export class Puller {
  readonly halts: HaltGate;
  readonly #options: PullerOptions;
  #place: Place | null = null;
  #scanned = 0n;
  /** Generation of the row when it was last read, of the events scanned since, and the newest one heard of. */
  #opened = -1n;
  #scannedIn = -1n;
  #newest = -1n;
  /** Greatest epoch second of all events looked at since the row was read. */
  #newestTime: bigint | null = null;
  #replayUntil = 0n;
  readonly #limit: PageLimit;
  readonly #pages: PageReader;
  /** Of the tables whose definitions do not let them fold, why. */
  #tables: readonly InOrder[] = [];
  /** Why the last page that could have been folded was not; null when it was. */
  #inOrder: InOrder | null = null;
  #epoch = 0;
  #historyCode: ErrorCode | null = null;
  #heldBefore = false;

  constructor(options: PullerOptions) {
    this.#options = options;
    this.#limit = new PageLimit(options.pageSize);
    this.halts = new HaltGate(options);
    const { reader, heads, budget = new PageBudget(), progress, now, caution } = options;
    const [names, limit] = [new Set(options.projection.handlers.keys()), this.#limit];
    const alone = () => caution?.on === true;
    this.#pages = new PageReader({ reader, heads, names, limit, budget, alone, progress, now });
  }

  /** It waits until the pages of others are done with: together they take up all the memory there is for them. */
  get waitsForRoom(): boolean {
    return this.#pages.waitsForRoom;
  }

  /** How far events have been looked at. */
  get position(): bigint {
    return this.#scanned;
  }

  /** How far events have been looked at, for a row of this generation; 0 where it was reset since. */
  scanned(generation: bigint): bigint {
    return generation === this.#scannedIn ? this.#scanned : 0n;
  }

  /** What halted the last pull where no event is at fault: the store's history, or whose the tables are. No row says so. */
  get historyCode(): ErrorCode | null {
    return this.#historyCode;
  }

  /** What makes it apply events one by one: the tables by their definitions, and what the last larger page met. */
  get inOrder(): readonly InOrder[] {
    const tables = this.#tables.filter(({ table }) => table !== this.#inOrder?.table);
    return this.#inOrder === null ? tables : [...tables, this.#inOrder];
  }

  /** The row was read, outside of a pull. */
  opened(generation: bigint): void {
    this.#opened = generation;
    this.heard(generation);
  }

  /**
   * The row is of this generation now: what is known of an older one is worthless, and no page of it can commit.
   * @returns whether the row has to be read again
   */
  heard(generation: bigint): boolean {
    if (generation > this.#newest) this.#newest = generation;
    return this.#opened < this.#newest;
  }

  /** A move over events of no interest that the stored row does not show yet, or null. */
  get idleMove(): Omit<IdleMove, 'name'> | null {
    const place = this.#place;
    if (place === null || this.#scanned <= place.cursor) return null;
    return { from: place.cursor, to: this.#scanned, newest: this.#newestTime, generation: place.generation };
  }

  /** The stored row has followed `idleMove`. */
  stored(move: { readonly from: bigint; readonly to: bigint; readonly generation: bigint }): void {
    const place = this.#place;
    if (place?.cursor === move.from && place.generation === move.generation)
      this.#place = { ...place, cursor: move.to };
  }

  /** What is in memory about the stored row and pages read ahead is no longer to be trusted. */
  forget(): void {
    this.#place = null;
    this.#pages.forget();
  }

  async pull(mode: PullMode, signal: AbortSignal): Promise<PullOutcome> {
    const { progress } = this.#options;
    progress.pulling();
    if (mode === 'attempt') progress.pages.retried();
    try {
      return await this.#loop(mode, signal);
    } catch (error) {
      this.forget();
      if (signal.aborted && error === signal.reason) return { kind: 'stopped' };
      if (isConnectionLost(error)) this.#options.heads.forget();
      if (isEngineError(error) && UNFIT.has(error.code)) {
        this.#historyCode = error.code;
        return { kind: 'failed', halted: true, detail: error.message };
      }
      throw error;
    } finally {
      progress.rests();
    }
  }

  async #loop(mode: PullMode, signal: AbortSignal): Promise<PullOutcome> {
    const { now, progress } = this.#options;
    this.#heldBefore = false;
    for (;;) {
      if (signal.aborted) return { kind: 'stopped' };
      const halted = await this.halts.pass();
      if (halted !== null) {
        this.forget();
        return halted;
      }
      if (this.#isStale()) this.forget();
      const before = this.#scannedIn;
      const place = this.#place ?? (await this.#open());
      // Reset by somebody else: not a page or two behind, but the whole history.
      if (mode === 'live' && place.generation !== before) return { kind: 'behind' };
      // Halted by what a handler has left behind, long after its page: with nothing new no page would find that.
      if (place.status === 'halted' && mode !== 'attempt') {
        this.forget();
        return HALTED;
      }
      // An attempt always goes through: it may find nothing left to apply, and has to take back the halt all the same.
      if (mode !== 'attempt' && (await this.#nothingNew(mode))) {
        if (this.#isStale()) continue;
        if (mode === 'catch-up') progress.latency.wentLive();
        return { kind: 'caught-up' };
      }
      const began = now();
      const held = await this.#pages.next(this.#scanned, mode === 'live', signal);
      try {
        const end = await this.#work(held.page, place, { mode, began, more: held.more, signal });
        if (end !== null) return end;
      } finally {
        held.release();
      }
    }
  }

  /** @returns what ends the pull; null: it goes on */
  async #work(page: Page, place: Place, { mode, began, more, signal }: Step): Promise<PullOutcome | null> {
    const { log, progress, projection, settings } = this.#options;
    if (this.#isStale()) return null;
    if (page.events.length === 0 && mode !== 'attempt') {
      this.#scan(page.to, page.newest);
      progress.passed(page.to);
      return null;
    }
    const outcome = await this.#apply(page, place, mode, signal);
    if (outcome.kind !== 'applied') this.forget();
    switch (outcome.kind) {
      case 'moved':
        return null;
      case 'must halt':
        this.halts.close(outcome.halt);
        return null;
      case 'applied':
        this.#place = {
          ...place,
          cursor: outcome.cursor,
          status: 'running',
          catalog: outcome.catalog ?? place.catalog,
        };
        if (outcome.inOrder !== undefined) this.#inOrder = outcome.inOrder;
        this.#scan(outcome.cursor, page.newest);
        await settings.failpoint?.('committed', projection.name);
        this.#measure(page, { mode, began, more }, outcome.mode);
        return mode === 'attempt' || (mode === 'live' && page.full) ? { kind: 'behind' } : null;
      case 'failed':
        progress.pages.cut(page.events, outcome);
        logFailure(log, projection.name, outcome);
        if (outcome.verdict === 'skip') return mode === 'attempt' ? { kind: 'behind' } : null;
        return failedPull(outcome);
      case 'waiting':
        progress.pages.cut(page.events, outcome);
        return { kind: 'waiting', detail: outcome.detail };
      case 'halted':
        return HALTED;
      case 'too slow':
        logTooSlow(log, projection.name, page.events.length, this.#limit.tooSlow(page.events.length));
        return null;
      case 'elsewhere':
        if (this.#heldBefore) return { kind: 'elsewhere' };
        // Once it may be this daemon itself, which stores idle moves: that takes a moment, a page of another takes longer.
        this.#heldBefore = true;
        await pause(HELD_MS, undefined, { signal }).catch(() => undefined);
        return null;
      case 'stopped':
      case 'paused':
        return outcome;
    }
  }

  async #apply(page: Page, place: Place, mode: PullMode, signal: AbortSignal): Promise<PageOutcome> {
    const { settings, projection, caution, progress } = this.#options;
    const newest = this.#newestTime;
    const work = {
      projection,
      page,
      ...place,
      newest,
      replayUntil: this.#replayUntil,
      attempt: mode === 'attempt',
      progress,
    };
    const apply = () => applyPage(settings, work);
    const [event] = page.events;
    if (!caution?.on || event === undefined) return await inTurn(settings, progress, signal, apply);
    return await inTurn(settings, progress, signal, () => caution.attempt(event, place, apply, signal), true);
  }

  /**
   * A connection was lost since the row was read, even if nobody was using it: a crash may have taken back both. Or the
   * row has been reset since.
   */
  #isStale(): boolean {
    if (this.#place === null) return false;
    return this.#epoch !== this.#options.heads.epoch() || this.#place.generation < this.#newest;
  }

  #scan(to: bigint, newest: bigint | null): void {
    this.#scanned = to;
    this.#newestTime = newestTime(this.#newestTime, newest);
    this.#options.onScanned?.();
  }

  /** Catching up ends only when a fresh look agrees; live, a wake has brought the head along. */
  async #nothingNew(mode: PullMode): Promise<boolean> {
    const { heads } = this.#options;
    const latest = heads.latest();
    if (latest !== null && this.#scanned < latest) return false;
    return (mode === 'live' && latest !== null) || this.#scanned >= (await heads.refresh());
  }

  async #open(): Promise<Place> {
    const { reader, projection, heads, progress } = this.#options;
    this.#epoch = heads.epoch();
    const place = await openPlace(reader, projection);
    this.#historyCode = null;
    if (place.cursor === 0n || this.#replayUntil === 0n) this.#replayUntil = await heads.refresh();
    this.#place = place;
    this.#tables = [...place.catalog.tables.values()].flatMap(({ name, inOrderBecause }) =>
      inOrderBecause === null ? [] : [{ table: name, because: inOrderBecause }],
    );
    this.#scanned = place.cursor;
    this.#scannedIn = place.generation;
    this.#newestTime = null;
    this.opened(place.generation);
    progress.place(place.cursor, place.generation);
    return place;
  }

  #measure(page: Page, { mode, began, more }: Omit<Step, 'signal'>, applied: PageMode): void {
    const { progress, now } = this.#options;
    const ms = now() - began;
    const last = page.events.at(-1);
    if (mode === 'live' && last !== undefined) progress.latency.visible(last.occurredAt);
    progress.applied(page.events.length, this.#scanned, ms, applied);
    this.#limit.applied({ full: more, ms });
  }
}
