import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { GuardedTransaction } from '../postgres/guarded-transaction.ts';
import { eventFailed } from './event-failure.ts';
import { type EventFailed, PageTooSlow } from './page-outcome.ts';

export interface Deadlines {
  /** Milliseconds for the whole page, including its handlers. */
  readonly pageMs: number;
  /** Milliseconds for the promise of one event's handler. */
  readonly eventMs: number;
  /** Ends a session over another connection. @returns whether it was running a statement */
  readonly terminate: (pid: number) => Promise<boolean>;
}

/**
 * The time limits of the transaction of a page. PostgreSQL before 17 limits statements, not transactions, and it does not
 * know of a promise that never settles. At a limit the session is ended, so that nothing the handler still does can reach
 * the database.
 */
export class PageDeadline {
  readonly #deadlines: Deadlines;
  #pid = 0;
  #timer: NodeJS.Timeout | undefined;
  #ending: Promise<void> = Promise.resolve();
  #verdict: EventFailed | PageTooSlow | null = null;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** The transaction runs in the session with this pid from now on, until `stop`. */
  start(pid: number): void {
    this.#pid = pid;
    const { pageMs } = this.#deadlines;
    this.#timer = setTimeout(() => {
      this.#wait(this.#end(new PageTooSlow(pageMs), () => false).catch(() => undefined));
    }, pageMs);
  }

  /**
   * Waits for a handler's promise up to its limit.
   * @throws EngineError HANDLER_TIMEOUT; the driver's error if it is the database that does not answer
   */
  async event<T>(result: Promise<T>, index: number, event: StoredEvent, guarded: GuardedTransaction): Promise<T> {
    const { eventMs } = this.#deadlines;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        guarded.revoke();
        const error = new EngineError('HANDLER_TIMEOUT', { event: event.name, ms: eventMs });
        const unanswered = guarded.waiting;
        const verdict = eventFailed(error, index, event, unanswered);
        const ended = this.#end(verdict, (active) => unanswered !== null && !active);
        // Rejects with the error of the database if that does not answer, which is not the event's fault.
        this.#wait(ended.then(() => reject(error), reject));
      }, eventMs);
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Call it before the session is given back: a later end would hit another transaction. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#ending;
  }

  /** Why the deadline has ended the session; null: it has not, and an error has another cause. */
  get verdict(): EventFailed | PageTooSlow | null {
    return this.#verdict;
  }

  #wait(ending: Promise<void>): void {
    this.#ending = Promise.all([this.#ending, ending]).then(() => undefined);
  }

  async #end(verdict: EventFailed | PageTooSlow, isLost: (active: boolean) => boolean): Promise<void> {
    if (this.#verdict !== null) return;
    const active = await this.#deadlines.terminate(this.#pid);
    // A statement that the server is not running was lost on the way, which is the connection's fault.
    if (!isLost(active)) this.#verdict ??= verdict;
  }
}
