import { setTimeout as pause } from 'node:timers/promises';
import { isEngineError } from '../core/errors.ts';
import { nextPageSize, PAGE_MIN } from '../core/page-size.ts';
import type { PullMode, PullOutcome } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Sql } from '../store/connect.ts';
import { deferredConstraints } from '../store/constraints.ts';
import { checkHistory } from '../store/history.ts';
import { type JsonColumns, readJsonColumns } from '../store/json-columns.ts';
import { type Page, readPage } from '../store/read.ts';
import { isConnectionLost } from '../store/sqlstate.ts';
import { readState } from '../store/state.ts';
import { applyPage, type PageSettings } from './apply-page.ts';
import type { Log } from './log.ts';
import type { PageOutcome } from './outcome.ts';
import type { Progress } from './progress.ts';

/** Payload bytes of one page at most: 20 events of 10 MB must not be in memory at once. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Milliseconds until a row that somebody held is tried once more. */
const HELD_MS = 10;

export interface HeadSource {
  /** The last safe head seen; null when there is none yet, or a lost connection made it worthless. */
  latest(): bigint | null;
  /** Looks again now. */
  refresh(): Promise<bigint>;
  /** After a lost connection. */
  forget(): void;
  /** Counts up with each `forget`: what was read of the store before that may have been taken back since. */
  epoch(): number;
}

export interface PullerOptions {
  readonly projection: Projection;
  readonly settings: PageSettings;
  /** Pages are read here, while another connection writes the one before. */
  readonly reader: Sql;
  readonly heads: HeadSource;
  /** Fixed number of events per page, or null to let it adapt. */
  readonly pageSize: number | null;
  readonly progress: Progress;
  /** More events have been looked at. It must not throw. */
  readonly onScanned?: () => void;
  readonly log: Log;
  readonly now: () => number;
}

interface Place {
  readonly cursor: bigint;
  readonly generation: bigint;
  /** Constraints that COMMIT would check; read together with the row, since a migration may add one. */
  readonly deferred: readonly string[];
  readonly json: JsonColumns;
}

/**
 * The loop of one projection: read a page, apply it, while the next one is read already. It keeps two places: where the
 * stored row stands (`place`), and how far events have been looked at (`scanned`), which runs ahead over events that
 * the projection does not handle; those moves are stored later, many projections at once.
 */
export class Puller {
  readonly #options: PullerOptions;
  readonly #names: readonly string[];
  #place: Place | null = null;
  #scanned = 0n;
  /** Generation of the row when it was last read, of the events scanned since, and the newest one heard of. */
  #opened = -1n;
  #scannedIn = -1n;
  #newest = -1n;
  #replayUntil = 0n;
  #size: number;
  #epoch = 0;
  #ahead: { readonly after: bigint; readonly page: Promise<Page> } | null = null;

  constructor(options: PullerOptions) {
    this.#options = options;
    this.#names = [...options.projection.handlers.keys()];
    this.#size = options.pageSize ?? PAGE_MIN;
  }

  /** How far events have been looked at. */
  get position(): bigint {
    return this.#scanned;
  }

  /** How far events have been looked at, for a row of this generation; 0 where it was reset since. */
  scanned(generation: bigint): bigint {
    return generation === this.#scannedIn ? this.#scanned : 0n;
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
  get idleMove(): { readonly from: bigint; readonly to: bigint; readonly generation: bigint } | null {
    const place = this.#place;
    if (place === null || this.#scanned <= place.cursor) return null;
    return { from: place.cursor, to: this.#scanned, generation: place.generation };
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
    this.#ahead = null;
  }

  async pull(mode: PullMode, signal: AbortSignal): Promise<PullOutcome> {
    try {
      return await this.#loop(mode, signal);
    } catch (error) {
      this.forget();
      if (isConnectionLost(error)) this.#options.heads.forget();
      if (isEngineError(error, 'HISTORY_AHEAD') || isEngineError(error, 'HISTORY_DIVERGED')) {
        return { kind: 'failed', halted: true, detail: error.message };
      }
      throw error;
    }
  }

  async #loop(mode: PullMode, signal: AbortSignal): Promise<PullOutcome> {
    let heldBefore = false;
    for (;;) {
      if (signal.aborted) return { kind: 'stopped' };
      if (this.#isStale()) this.forget();
      const before = this.#scannedIn;
      const place = this.#place ?? (await this.#open());
      // Reset by somebody else: not a page or two behind, but the whole history.
      if (mode === 'live' && place.generation !== before) return { kind: 'behind' };
      // An attempt always goes through: it may find nothing left to apply, and has to take back the halt all the same.
      if (mode !== 'attempt' && (await this.#nothingNew(mode))) {
        if (this.#isStale()) continue;
        return { kind: 'caught-up' };
      }
      const began = this.#options.now();
      const page = await this.#nextPage();
      if (this.#isStale()) continue;
      if (page.events.length === 0 && mode !== 'attempt') {
        this.#scan(page.to);
        continue;
      }
      const outcome = await applyPage(this.#options.settings, {
        projection: this.#options.projection,
        page,
        ...place,
        replayUntil: this.#replayUntil,
        attempt: mode === 'attempt',
      });
      switch (outcome.kind) {
        case 'moved':
          this.forget();
          continue;
        case 'applied':
          this.#place = { ...place, cursor: outcome.cursor };
          this.#scan(outcome.cursor);
          await this.#options.settings.failpoint?.('committed', this.#options.projection.name);
          this.#measure(page, began);
          if (mode === 'attempt' || (mode === 'live' && page.full)) return { kind: 'behind' };
          continue;
        case 'failed':
          this.forget();
          this.#logFailure(outcome);
          return {
            kind: 'failed',
            halted: outcome.halted,
            detail: this.#failureText(outcome),
            event: outcome.failure,
          };
        case 'waiting':
          this.forget();
          return { kind: 'waiting', detail: outcome.detail };
        case 'halted':
          this.forget();
          return { kind: 'halted', detail: 'halted before an event that failed' };
        case 'elsewhere':
          this.forget();
          if (heldBefore) return { kind: 'elsewhere' };
          // Once it may be this daemon itself, which stores idle moves: that takes a moment, a page of another takes longer.
          heldBefore = true;
          await pause(HELD_MS, undefined, { signal }).catch(() => undefined);
          continue;
        case 'paused':
          this.forget();
          return { kind: 'paused' };
      }
    }
  }

  /**
   * A connection was lost since the row was read, even if nobody was using it: a crash may have taken back both. Or the
   * row has been reset since.
   */
  #isStale(): boolean {
    if (this.#place === null) return false;
    return this.#epoch !== this.#options.heads.epoch() || this.#place.generation < this.#newest;
  }

  #scan(to: bigint): void {
    this.#scanned = to;
    this.#options.onScanned?.();
  }

  #failureText(outcome: {
    readonly failure: { readonly eventName: string; readonly position: bigint; readonly error: string };
    readonly attempts: number;
  }): string {
    const { eventName, position, error } = outcome.failure;
    return `${eventName} at position ${position} failed (attempt ${outcome.attempts}): ${error}`;
  }

  #logFailure({ failure, attempts, halted }: Extract<PageOutcome, { kind: 'failed' }>): void {
    const { log, projection } = this.#options;
    log.error(
      { projection: projection.name, ...failure, position: String(failure.position), attempts, halted },
      'an event could not be applied',
    );
  }

  /** Catching up ends only when a fresh look agrees; live, a wake has brought the head along. */
  async #nothingNew(mode: PullMode): Promise<boolean> {
    const { heads } = this.#options;
    const latest = heads.latest();
    if (latest !== null && this.#scanned < latest) return false;
    return (mode === 'live' && latest !== null) || this.#scanned >= (await heads.refresh());
  }

  /** Reads the row anew, and makes sure that the history it stands in is still the store's. */
  async #open(): Promise<Place> {
    const { reader, projection, heads, progress } = this.#options;
    this.#epoch = heads.epoch();
    const state = await readState(reader, projection.name);
    const tables = [...projection.tables.keys()];
    const deferred = await deferredConstraints(reader, tables);
    const json = await readJsonColumns(reader, tables);
    const place = { cursor: state?.cursor ?? 0n, generation: state?.generation ?? 0n, deferred, json };
    await checkHistory(reader, projection.name, place.cursor, state?.lastEventId ?? null);
    if (place.cursor === 0n || this.#replayUntil === 0n) this.#replayUntil = await heads.refresh();
    this.#place = place;
    this.#scanned = place.cursor;
    this.#scannedIn = place.generation;
    this.opened(place.generation);
    progress.place(place.cursor, place.generation);
    return place;
  }

  /** The page read ahead if it is the right one; and the one after it is begun when this one is full. */
  async #nextPage(): Promise<Page> {
    const ahead = this.#ahead;
    this.#ahead = null;
    const page = ahead !== null && ahead.after === this.#scanned ? await ahead.page : await this.#read(this.#scanned);
    if (page.full) {
      const next = this.#read(page.to);
      next.catch(() => undefined); // Read for nothing when this page fails; awaited otherwise.
      this.#ahead = { after: page.to, page: next };
    }
    return page;
  }

  async #read(after: bigint): Promise<Page> {
    const { reader, heads } = this.#options;
    const head = heads.latest() ?? (await heads.refresh());
    return await readPage(reader, { after, head, names: this.#names, limit: this.#size, maxBytes: MAX_BYTES });
  }

  #measure(page: Page, began: number): void {
    const ms = this.#options.now() - began;
    this.#options.progress.applied(page.events.length, this.#scanned, ms);
    if (this.#options.pageSize === null) this.#size = nextPageSize(this.#size, { full: page.full, ms });
  }
}
