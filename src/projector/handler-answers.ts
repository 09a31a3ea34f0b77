import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Handler, HandlerContext, Projection } from '../core/projection.ts';
import { type GuardedTransaction, guardTransaction, type Sender } from '../postgres/guarded-transaction.ts';
import { checkedEvent } from './checked-event.ts';
import { type FlatStatement, flattenStatements } from './flatten.ts';
import { withHandlerContext } from './handler-origin.ts';
import type { PageMetricsRecorder } from './page-metrics.ts';
import { returnedPromise, returnedStatements, returnsStatements, runsSql } from './statement-returning.ts';

/** The result of calling the handler of one event. */
export type Answer =
  | { readonly kind: 'statements'; readonly statements: readonly FlatStatement[] }
  /** `statement`: the statement of its own SQL that failed; null if none did. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly statement: string | null }
  /** The handler runs SQL of its own, in `guarded`. */
  | { readonly kind: 'promise'; readonly promise: Promise<unknown>; readonly guarded: GuardedTransaction };

const NOTHING: Answer = { kind: 'statements', statements: [] };

/**
 * Calls the handlers for one attempt at a page, and keeps their answers. The page may be planned, folded, rolled back and
 * run in order, and no handler is called a second time for that. The exception is a handler whose own SQL was rolled back
 * with its transaction.
 */
export class HandlerAnswers {
  readonly #projection: Projection;
  readonly #replayUntil: bigint;
  readonly #recorder: PageMetricsRecorder | undefined;
  readonly #known = new Map<StoredEvent, Answer>();
  readonly #gates = new Map<StoredEvent, Gate>();
  #ahead: Ahead | null = null;
  #ranSql = false;

  constructor(projection: Projection, replayUntil: bigint, recorder?: PageMetricsRecorder) {
    this.#projection = projection;
    this.#replayUntil = replayUntil;
    this.#recorder = recorder;
  }

  /** Whether a handler has run SQL of its own in any transaction of this attempt. */
  get ranSql(): boolean {
    return this.#ranSql;
  }

  /** The answer for an event that this transaction applies now. */
  inTurn(event: StoredEvent, tx: Sender): Answer {
    const known = this.#known.get(event);
    if (known === undefined) {
      const handler = this.#projection.handlers.get(event.name);
      if (handler === undefined) return NOTHING;
      const guarded = guardTransaction(tx);
      const answer = this.#call(handler, event, guarded, this.#context(event, guarded));
      if (answer.kind === 'promise') this.#ranSql = true;
      return answer;
    }
    if (known.kind === 'promise') {
      this.#ranSql = true;
      // If this transaction is rolled back, the next one has to call the handler again.
      this.#known.delete(event);
      this.#gates.get(event)?.open(tx);
      this.#gates.delete(event);
    }
    return known;
  }

  /**
   * Calls the handlers of all these events before any event is applied. SQL that a handler sends itself waits until its
   * event is applied.
   * @returns null if all handlers have returned statements; else the reason why one has not: the rest was not called
   */
  ahead(events: readonly StoredEvent[]): string | null {
    const { handlers } = this.#projection;
    const sql = events.find(({ name }) => {
      const handler = handlers.get(name);
      return handler !== undefined && runsSql(handler);
    });
    if (sql !== undefined) return `the handler of ${sql.name} runs SQL of its own`;
    this.#recorder?.preparing(events);
    for (const event of events) {
      const answer = this.#known.get(event) ?? this.#callAhead(event);
      if (answer.kind === 'promise') return `the handler of ${event.name} returns a promise`;
      if (answer.kind === 'failed') return `the handler of ${event.name} fails`;
    }
    return null;
  }

  /** The statements of an event whose handler was called ahead. */
  statements(event: StoredEvent): readonly FlatStatement[] {
    const answer = this.#known.get(event);
    return answer?.kind === 'statements' ? answer.statements : [];
  }

  /** Ends the attempt: further SQL of its handlers is refused. */
  close(): void {
    this.#ahead?.guarded.revoke();
    this.#ahead?.gate.refuse();
    for (const [event, gate] of this.#gates) {
      const answer = this.#known.get(event);
      if (answer?.kind === 'promise') answer.guarded.revoke();
      gate.refuse();
    }
    this.#gates.clear();
    this.#ahead = null;
  }

  #callAhead(event: StoredEvent): Answer {
    const handler = this.#projection.handlers.get(event.name);
    if (handler === undefined) return NOTHING;
    // Handlers that are known not to use it share one guarded transaction: one for each event costs more than the call.
    const shared = returnsStatements(handler);
    const ahead = (shared ? this.#ahead : null) ?? openAhead();
    if (shared) this.#ahead = ahead;
    const context = event.position <= this.#replayUntil ? ahead.replaying : ahead.live;
    const answer = this.#call(handler, event, ahead.guarded, context);
    this.#known.set(event, answer);
    if (answer.kind === 'promise' || ahead.guarded.used) this.#ahead = null;
    if (answer.kind === 'promise') {
      this.#gates.set(event, ahead.gate);
      // A rejection before its event is applied is handled when the event is applied.
      answer.promise.catch(() => undefined);
    }
    return answer;
  }

  #context(event: StoredEvent, guarded: GuardedTransaction): HandlerContext {
    return Object.freeze({ tx: guarded.tx, replaying: event.position <= this.#replayUntil });
  }

  #call(
    handler: Handler<StoredEvent>,
    event: StoredEvent,
    guarded: GuardedTransaction,
    context: HandlerContext,
  ): Answer {
    this.#recorder?.handling(event.position);
    const answer = this.#answer(handler, event, guarded, context);
    if (answer.kind === 'promise') return answer;
    this.#recorder?.returned();
    this.#known.set(event, answer);
    return answer;
  }

  #answer(
    handler: Handler<StoredEvent>,
    event: StoredEvent,
    guarded: GuardedTransaction,
    context: HandlerContext,
  ): Answer {
    const { name } = this.#projection;
    try {
      const checked = checkedEvent(this.#projection, event);
      const result: unknown = withHandlerContext({ projection: name, event }, () => handler(checked, context));
      if (result instanceof Promise) {
        returnedPromise(handler);
        return { kind: 'promise', promise: result, guarded };
      }
      // The shared guarded transaction is revoked at the end of the attempt.
      const statement = guarded.used || guarded !== this.#ahead?.guarded ? guarded.end() : null;
      if (statement !== null) throw new EngineError('HANDLER_NOT_AWAITED', { statement });
      const statements = flattenStatements(result);
      returnedStatements(handler);
      return { kind: 'statements', statements };
    } catch (error) {
      return { kind: 'failed', error, statement: guarded.failed(error) };
    }
  }
}

interface Ahead {
  readonly gate: Gate;
  readonly guarded: GuardedTransaction;
  readonly replaying: HandlerContext;
  readonly live: HandlerContext;
}

function openAhead(): Ahead {
  const gate = new Gate();
  const guarded = guardTransaction(gate.sender);
  return {
    gate,
    guarded,
    replaying: Object.freeze({ tx: guarded.tx, replaying: true }),
    live: Object.freeze({ tx: guarded.tx, replaying: false }),
  };
}

/** Holds statements back until there is a transaction for them. */
class Gate {
  readonly #opened: Promise<Sender>;
  open: (tx: Sender) => void = () => undefined;
  refuse: () => void = () => undefined;

  constructor() {
    this.#opened = new Promise((resolve, reject) => {
      this.open = resolve;
      this.refuse = () => reject(new EngineError('TRANSACTION_OVER'));
    });
    this.#opened.catch(() => undefined);
  }

  readonly sender: Sender = {
    unsafe: async (text, values, options) => await (await this.#opened).unsafe(text, values, options),
  };
}
