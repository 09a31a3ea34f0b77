import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Sql } from '../postgres/pool.ts';
import { beginAttempt, endAttempt, type StartNote } from '../state/attempts.ts';
import { eventFailed } from './event-failure.ts';
import type { PageOutcome } from './page-outcome.ts';

/** Starts in a row that get nowhere, until a projection goes one event at a time. */
const STARTS = 3;
/** Processes that may die of an event whose attempt was written down. */
const DEATHS = 2;

export interface CrashLoopGuardOptions {
  readonly sql: Sql;
  readonly name: string;
  /** Undefined: there was nothing to do at the start. */
  readonly start: StartNote | undefined;
  /** Events of the page that the earlier processes did not survive: one of these it was. */
  readonly events: number;
  /** Shared by all projections of the process: two attempts at once would both be blamed. */
  readonly turns: Mutex;
  readonly log: Log;
}

/**
 * The crash-loop breaker. An event that ends the process (out of memory, an exit, a native crash) leaves no failure
 * behind, and every restart would run into it again. After some starts that got nowhere each event is tried alone, under
 * its own name; the one that no process has survived halts its projection, and the daemon lives.
 */
export class CrashLoopGuard {
  readonly #options: CrashLoopGuardOptions;
  #left: number;
  #deadly: { readonly position: bigint; readonly deaths: number } | null = null;

  constructor(options: CrashLoopGuardOptions) {
    const { start, events } = options;
    this.#options = options;
    this.#left = start !== undefined && (start.starts >= STARTS || start.position !== null) ? events : 0;
    // Once the halt is stored, no start tries the event, and a RETRY does: this start may have brought a new handler.
    if (start !== undefined && start.position !== null && start.deaths >= DEATHS && !start.halted) {
      this.#deadly = { position: start.position, deaths: start.deaths };
    }
  }

  /** Pages are of one event, and are applied by `attempt`. */
  get on(): boolean {
    return this.#left > 0;
  }

  /**
   * Applies the page of one event, or says that it must halt before it.
   * @throws the signal's reason when its turn comes too late
   */
  async attempt(
    event: StoredEvent,
    at: { readonly cursor: bigint; readonly generation: bigint },
    apply: () => Promise<PageOutcome>,
    signal: AbortSignal,
  ): Promise<PageOutcome> {
    const { sql, name, turns } = this.#options;
    const deadly = this.#deadly;
    if (deadly?.position === event.position) {
      const { cursor, generation } = at;
      const error = new EngineError('PROCESS_DIED', {
        event: event.name,
        position: event.position,
        deaths: deadly.deaths,
      });
      const { failure } = eventFailed(error, 0, event);
      return { kind: 'must halt', halt: { failure, alarm: null, at: { cursor, generation } } };
    }
    return await turns.take(async () => {
      signal.throwIfAborted();
      await beginAttempt(sql, name, event);
      try {
        return await apply();
      } finally {
        await this.#end(event);
      }
    });
  }

  /**
   * Never rejects: that would hide what became of the page, and a halt that is still to be stored with it. A record that
   * could not be removed is replaced with the next event, which is tried alone for that reason.
   */
  async #end({ position }: StoredEvent): Promise<void> {
    const { sql, name, log } = this.#options;
    try {
      await endAttempt(sql, name);
      this.#left -= 1;
    } catch (error) {
      log.warn(
        { projection: name, position, err: error },
        'the record of an attempt could not be removed; the next event is tried alone too',
      );
    }
  }

  /** The halt is stored: a RETRY from now on tries the event. Not before, or the handler would run without one. */
  halted(): void {
    this.#deadly = null;
  }
}

/** One at a time, in the order asked. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
