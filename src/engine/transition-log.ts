import type { TransitionRecord } from '../core/transition.ts';
import type { Sql } from '../store/connect.ts';
import { isTransient } from '../store/sqlstate.ts';
import { storeTransitions } from '../store/transitions.ts';
import type { Log } from './log.ts';

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
  #writing: Promise<void> = Promise.resolve();
  /** A process that lives shortly prunes too. */
  #sincePruned = PRUNE_EVERY;

  constructor(options: TransitionLogOptions) {
    this.#options = options;
  }

  /** Never throws. */
  note(row: Omit<TransitionRecord, 'number'>): void {
    this.#rows.push({ ...row, detail: row.detail?.replaceAll('\0', '\uFFFD') ?? null });
    if (this.#rows.length > BUFFERED) this.#rows.shift();
    this.#schedule(this.#options.everyMs ?? EVERY_MS);
  }

  /** Writes what is left, once. Never rejects. */
  async stop(): Promise<void> {
    await this.#writing;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#write();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#writing = this.#write();
    }, ms);
  }

  async #write(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    const { sql, log } = this.#options;
    const prune = this.#sincePruned + rows.length >= PRUNE_EVERY;
    try {
      await storeTransitions(sql, rows, { prune });
      this.#sincePruned = prune ? 0 : this.#sincePruned + rows.length;
    } catch (error) {
      log.debug({ err: error, rows: rows.length }, 'transitions not stored');
      // What the database refuses for good would be refused for ever.
      if (!isTransient(error)) return;
      this.#rows = [...rows, ...this.#rows].slice(-BUFFERED);
      this.#schedule(AGAIN_MS);
    }
  }
}
