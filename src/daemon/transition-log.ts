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
  /** Milliseconds between two writes at least. Default 1000. */
  readonly everyMs?: number;
}

/**
 * Writes down changes of state: many in one statement, once a second at most, and none while nothing changes. Nobody
 * waits for it, and what it cannot write harms nothing.
 */
export class TransitionLog {
  readonly #options: TransitionLogOptions;
  #rows: Omit<TransitionRecord, 'number'>[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #stopped = false;
  /** A process that lives shortly prunes too. */
  #sincePruned = PRUNE_EVERY;

  constructor(options: TransitionLogOptions) {
    this.#options = options;
  }

  /** Never throws. */
  note(row: Omit<TransitionRecord, 'number' | 'at'>): void {
    const detail = row.detail?.replaceAll('\0', '\uFFFD') ?? null;
    this.#rows.push({ ...row, detail, at: new Date().toISOString() });
    if (this.#rows.length > BUFFERED) this.#rows.shift();
    this.#schedule(this.#options.everyMs ?? EVERY_MS);
  }

  /** Writes what is left, once, after the write under way. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writing;
    await this.#write();
  }

  #schedule(ms: number): void {
    if (this.#stopped || this.#writing !== null) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#write();
    }, ms);
  }

  /**
   * Never two at once: a slow write would be overtaken by the next one, its rows would stand behind newer ones, and a stop
   * would wait for one of them only. What is noted meanwhile waits, within the same bound.
   */
  #write(): Promise<void> {
    const writing = this.#store().then((ms) => {
      this.#writing = null;
      if (this.#rows.length > 0) this.#schedule(ms);
    });
    this.#writing = writing;
    return writing;
  }

  /** @returns milliseconds until the next write at least */
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
      // What the database refuses for good would be refused for ever.
      if (!isTransient(error)) return everyMs;
      this.#rows = [...rows, ...this.#rows].slice(-BUFFERED);
      return AGAIN_MS;
    }
  }
}
