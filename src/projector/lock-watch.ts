import type { Log } from '../core/log.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import { readLockWaits } from '../postgres/lock-holders.ts';
import type { Sql } from '../postgres/pool.ts';
import { pageProgram } from '../state/transaction-limits.ts';
import type { Progress } from './progress.ts';

/** Milliseconds: a page is asked about once it has taken so long, then as often; its own lock_timeout is 2 s. */
const TIMES = { afterMs: 1000, everyMs: 500, sayAgainMs: 60_000 } as const;

export interface LockWatchOptions {
  /** Not the pages' own connections: all of these may be waiting. */
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
 * Finds out whose locks the pages of this daemon wait for: in status while they wait, in the log, and in the error of a
 * page that gave up. One statement at a time for all of them, and none while every page takes less than a second.
 */
export class LockWatch {
  readonly #options: LockWatchOptions;
  readonly #running = new Set<Running>();
  /** When each projection was last in the log. */
  readonly #said = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #polling = false;

  constructor(options: LockWatchOptions) {
    this.#options = options;
  }

  /** @throws what `apply` throws; an error of a lock that was not got says who was in the way */
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
        this.#say(running.name, holders);
      }
    } catch (error) {
      log.debug({ err: error }, 'who holds the locks that pages wait for could not be read');
    } finally {
      this.#polling = false;
    }
  }

  /** Names that are cut may be those of two projections: of these nothing is said. */
  #late(): readonly Running[] {
    const now = performance.now();
    const late = [...this.#running].filter(({ since }) => now - since >= TIMES.afterMs);
    const counts = new Map<string, number>();
    for (const { program } of this.#running) counts.set(program, (counts.get(program) ?? 0) + 1);
    return late.filter(({ program }) => counts.get(program) === 1);
  }

  /** Once a minute at most for each projection: its page is tried again and again. */
  #say(name: string, holders: string): void {
    const now = performance.now();
    const before = this.#said.get(name);
    if (before !== undefined && now - before < TIMES.sayAgainMs) return;
    this.#said.set(name, now);
    this.#options.log.warn({ projection: name, holders }, 'a page waits for a lock');
  }
}
