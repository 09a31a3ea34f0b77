import { type Clock, systemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransitionRecord } from '../core/transition.ts';
import { isTransient } from '../postgres/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { storeTransitions } from '../state/transitions.ts';

const EVERY_MS = 1000;
/** After a failed write: the database may be away for a while. */
const AGAIN_MS = 5000;
/** Rows that wait for a database that is away; the oldest are dropped beyond that. */
const BUFFERED = 1000;
/** Rows written between two prunings. */
const PRUNE_EVERY = 200;

export interface TransitionLogOptions {
  readonly sql: Sql;
  readonly log: Log;
  /** Least milliseconds between two writes. Default 1000. */
  readonly everyMs?: number;
  readonly clock?: Clock;
}

/**
 * Stores changes of state: many in one statement, once a second at most. Nothing waits for it. A transition that the
 * database refuses for good is dropped and logged.
 */
export class TransitionLog {
  readonly #options: TransitionLogOptions;
  readonly #clock: Clock;
  #rows: Omit<TransitionRecord, 'number'>[] = [];
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #stopped = false;
  /** The first write prunes, so that processes with a short life do too. */
  #sincePruned = PRUNE_EVERY;

  constructor(options: TransitionLogOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Never throws. */
  note(row: Omit<TransitionRecord, 'number' | 'at'>): void {
    const detail = row.detail?.replaceAll('\0', '\uFFFD') ?? null;
    this.#rows.push({ ...row, detail, at: new Date(this.#clock.wallClock()).toISOString() });
    if (this.#rows.length > BUFFERED) this.#rows.shift();
    this.#schedule(this.#options.everyMs ?? EVERY_MS);
  }

  /** Writes the remaining rows, once, after the present write. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#writing;
    await this.#write();
  }

  #schedule(ms: number): void {
    if (this.#stopped || this.#writing !== null) return;
    this.#cancelTimer ??= this.#clock.later(ms, () => {
      this.#cancelTimer = null;
      void this.#write();
    });
  }

  /**
   * Never two at once: the next write could overtake a slow one, its rows would follow newer ones, and a stop would wait for
   * one of them only. Rows noted meanwhile wait, within the same bound.
   */
  #write(): Promise<void> {
    const writing = this.#store().then((ms) => {
      this.#writing = null;
      if (this.#rows.length > 0) this.#schedule(ms);
    });
    this.#writing = writing;
    return writing;
  }

  /** @returns least milliseconds until the next write */
  async #store(): Promise<number> {
    const { sql, log, everyMs = EVERY_MS } = this.#options;
    const rows = this.#rows;
    if (rows.length === 0) return everyMs;
    this.#rows = [];
    const prune = this.#sincePruned + rows.length >= PRUNE_EVERY;
    try {
      await storeTransitions(sql, rows, { prune });
      this.#sincePruned = prune ? 0 : this.#sincePruned + rows.length;
      return everyMs;
    } catch (error) {
      log.debug({ err: error, rows: rows.length }, 'transitions not stored');
      // Rows that the database refuses for good would be refused again and again.
      if (!isTransient(error)) return everyMs;
      this.#rows = [...rows, ...this.#rows].slice(-BUFFERED);
      return AGAIN_MS;
    }
  }
}
