import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Sql } from '../postgres/pool.ts';
import { beginAttempt, endAttempt, type StartNote } from '../state/attempts.ts';
import { eventFailed } from './event-failure.ts';
import type { PageOutcome } from './page-outcome.ts';

/** After so many starts in a row without progress, a projection applies one event at a time. */
const STARTS = 3;
/** After so many processes ended during a recorded attempt at an event, its projection halts. */
const DEATHS = 2;

export interface CrashLoopGuardOptions {
  readonly sql: Sql;
  readonly name: string;
  /** Undefined: no start of this projection is recorded. */
  readonly start: StartNote | undefined;
  /** Number of events of the page during which the earlier processes ended: one of these events is the cause. */
  readonly events: number;
  /** Shared by all projections of the process: of two attempts under way, both would count as the cause. */
  readonly mutex: Mutex;
  readonly log: Log;
}

/**
 * Ends a crash loop. An event that ends the process (out of memory, an exit, a native crash) leaves no failure in the
 * database, and every restart would end at it again. After some starts without progress each event is tried alone, and
 * its attempt is recorded first. The event during which the processes ended halts its projection, and the daemon goes on.
 */
export class CrashLoopGuard {
  readonly #options: CrashLoopGuardOptions;
  #left: number;
  #deadly: { readonly position: bigint; readonly deaths: number } | null = null;

  constructor(options: CrashLoopGuardOptions) {
    const { start, events } = options;
    this.#options = options;
    this.#left = start !== undefined && (start.starts >= STARTS || start.position !== null) ? events : 0;
    // Once the halt is stored, only a RETRY tries the event: it may come with a new handler of this start.
    if (start !== undefined && start.position !== null && start.deaths >= DEATHS && !start.halted) {
      this.#deadly = { position: start.position, deaths: start.deaths };
    }
  }

  /** Whether pages have one event and are applied by `attempt`. */
  get on(): boolean {
    return this.#left > 0;
  }

  /**
   * Applies the page of one event, or returns the halt before it.
   * @throws the signal's reason, if it is aborted before the turn comes
   */
  async attempt(
    event: StoredEvent,
    at: { readonly cursor: bigint; readonly generation: bigint },
    apply: () => Promise<PageOutcome>,
    signal: AbortSignal,
  ): Promise<PageOutcome> {
    const { sql, name, mutex } = this.#options;
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
    return await mutex.take(async () => {
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
   * Never rejects: that would replace the outcome of the page, and with it a halt that is still to be stored. A record that
   * could not be removed is overwritten with the next event, which is tried alone for that reason.
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

  /** The halt is stored, so a RETRY may try the event. Before that, the handler would run without one. */
  halted(): void {
    this.#deadly = null;
  }
}

/** Runs one piece of work at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
