import type { Log } from '../core/log.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import { readLockWaits } from '../postgres/lock-holders.ts';
import type { Sql } from '../postgres/pool.ts';
import { pageProgram } from '../state/transaction-limits.ts';
import type { Progress } from './progress.ts';

/** The locks of a page are read once it has taken `afterMs`, then every `everyMs`; its own lock_timeout is 2 s. */
const TIMES = { afterMs: 1000, everyMs: 500, logAgainMs: 60_000 } as const;

export interface LockWatchOptions {
  /** Other connections than those of the pages, which may all wait. */
  readonly sql: Sql;
  readonly owner: string;
  readonly log: Log;
}

interface Running {
  readonly name: string;
  readonly program: string;
  readonly since: number;
  readonly progress: Progress;
  holders: string | null;
}

/**
 * Finds the holders of the locks for which the pages of this daemon wait. It shows them in status while a page waits, in
 * the log, and in the error of a page that gave up. It sends one statement at a time for all pages, and none while every
 * page takes less than a second.
 */
export class LockWatch {
  readonly #options: LockWatchOptions;
  readonly #running = new Set<Running>();
  /** When a line for each projection was last logged. */
  readonly #logged = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #polling = false;

  constructor(options: LockWatchOptions) {
    this.#options = options;
  }

  /** @throws the error of `apply`; the error of a lock that was not available names the holders */
  async during<T>(name: string, progress: Progress, apply: () => Promise<T>): Promise<T> {
    const program = pageProgram(this.#options.owner, name);
    const running: Running = { name, program, since: performance.now(), progress, holders: null };
    this.#running.add(running);
    this.#timer ??= setInterval(() => void this.#poll(), TIMES.everyMs);
    try {
      return await apply();
    } catch (error) {
      const { holders } = running;
      if (error instanceof Error && holders !== null && isLockNotAvailable(error)) {
        error.message = `${error.message}; in the way: ${holders}`;
      }
      throw error;
    } finally {
      this.#running.delete(running);
      progress.lockedBy = null;
      if (this.#running.size === 0 && this.#timer !== null) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
    }
  }

  async #poll(): Promise<void> {
    const late = this.#late();
    if (this.#polling || late.length === 0) return;
    this.#polling = true;
    const { sql, log } = this.#options;
    try {
      const found = await readLockWaits(
        sql,
        late.map(({ program }) => program),
      );
      for (const running of late) {
        const holders = found.get(running.program) ?? null;
        if (!this.#running.has(running)) continue;
        running.progress.lockedBy = holders;
        if (holders === null) continue;
        running.holders = holders;
        this.#warn(running.name, holders);
      }
    } catch (error) {
      log.debug({ err: error }, 'the holders of the locks for which pages wait could not be read');
    } finally {
      this.#polling = false;
    }
  }

  /** A name that was cut may belong to two projections, which cannot be distinguished: these are left out. */
  #late(): readonly Running[] {
    const now = performance.now();
    const late = [...this.#running].filter(({ since }) => now - since >= TIMES.afterMs);
    const counts = new Map<string, number>();
    for (const { program } of this.#running) counts.set(program, (counts.get(program) ?? 0) + 1);
    return late.filter(({ program }) => counts.get(program) === 1);
  }

  /** Logs once a minute at most for each projection, since its page is tried again and again. */
  #warn(name: string, holders: string): void {
    const now = performance.now();
    const before = this.#logged.get(name);
    if (before !== undefined && now - before < TIMES.logAgainMs) return;
    this.#logged.set(name, now);
    this.#options.log.warn({ projection: name, holders }, 'a page waits for a lock');
  }
}
