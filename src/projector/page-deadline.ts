import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { GuardedTransaction } from '../postgres/guarded-transaction.ts';
import { eventFailed } from './event-failure.ts';
import { type EventFailed, PageTooSlow } from './page-outcome.ts';

export interface Deadlines {
  /** Milliseconds for the whole page, one event's handler included. */
  readonly pageMs: number;
  /** Milliseconds for the promise of one event's handler. */
  readonly eventMs: number;
  /** Ends a session; tells whether it was running a statement. Over another connection. */
  readonly terminate: (pid: number) => Promise<boolean>;
}

/**
 * The limits of one transaction that applies a page. PostgreSQL limits statements, not transactions (before 17), and a
 * promise that never settles is nothing it could see. At a limit the session is ended: whatever the handler still does,
 * nothing of it can reach the database.
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
   * A handler's promise, for as long as it may take.
   * @throws EngineError HANDLER_TIMEOUT; the driver's error when it is the database that does not answer
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
        // Rejects with the database's own error where that is the one that is silent: no fault of the event.
        this.#wait(ended.then(() => reject(error), reject));
      }, eventMs);
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Before the session can be somebody else's. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#ending;
  }

  /** What it has ended the session for, or null: then whatever went wrong did so by itself. */
  get verdict(): EventFailed | PageTooSlow | null {
    return this.#verdict;
  }

  #wait(ending: Promise<void>): void {
    this.#ending = Promise.all([this.#ending, ending]).then(() => undefined);
  }

  async #end(verdict: EventFailed | PageTooSlow, isLost: (active: boolean) => boolean): Promise<void> {
    if (this.#verdict !== null) return;
    const active = await this.#deadlines.terminate(this.#pid);
    // A statement that the server does not know of has been lost on the way: then it is the connection's fault.
    if (!isLost(active)) this.#verdict ??= verdict;
  }
}
