import { EngineError, isEngineError } from '../core/errors.ts';
import type { Transaction } from '../core/projection.ts';
import { type GuardedStatement, readGuardedStatement } from './guarded-statement.ts';
import { type Rendered, Statement } from './sql.ts';

/** A transaction that a handler uses for its own SQL. */
export interface GuardedTransaction {
  /** Runs statements with parameters. It has no method that begins or ends a transaction. */
  readonly tx: Transaction;
  /** Text of the first statement that was sent and is not answered yet; null if there is none. */
  readonly waiting: string | null;
  /** Text of the statement that raised this error, or the error that led to it; null if no statement did. */
  failed(error: unknown): string | null;
  /** Whether the handler has made a statement. */
  readonly used: boolean;
  /** Refuses every further statement of a handler that is still running. */
  revoke(): void;
  /**
   * Refuses every further statement at the end of the handler. Statements that it made and did not await never settle:
   * the return value reports the mistake, and a rejection would report it again as an unhandled one.
   * @returns the text of the first statement that was not awaited, or null
   */
  end(): string | null;
}

/** Sends the statements of a guarded transaction. */
export interface Sender {
  unsafe(
    text: string,
    values: readonly unknown[],
    options: { readonly prepare: boolean },
  ): PromiseLike<readonly object[]>;
}

/** Makes a transaction for one handler, until `end` or `revoke`. */
export function guardTransaction(tx: Sender): GuardedTransaction {
  /** Texts of the statements that were made and are not answered yet. */
  const open = new Map<unknown, string>();
  const sent = new Map<unknown, string>();
  const notAwaited = new Set<unknown>();
  const savepoints: string[] = [];
  let failure: { readonly error: unknown; readonly text: string } | null = null;
  let revoked = false;
  let used = false;

  async function send(statement: unknown, { text, values }: Rendered): Promise<readonly object[]> {
    try {
      if (revoked) throw new EngineError('TRANSACTION_OVER');
      sent.set(statement, text);
      const kind = check(text, savepoints);
      const rows = await tx.unsafe(text, values, { prepare: true });
      // The handler has rolled back the failed statement, and the transaction goes on.
      if (kind === 'rollback to') failure = null;
      return rows;
    } catch (error) {
      failure ??= { error, text };
      throw error;
    } finally {
      sent.delete(statement);
      open.delete(statement);
      if (notAwaited.has(statement)) await never();
    }
  }

  return {
    tx: <T extends readonly object[]>(text: TemplateStringsArray, ...parameters: readonly unknown[]) => {
      const statement: Statement<T> = new Statement<T>((rendered) => send(statement, rendered), text, parameters, true);
      used = true;
      if (!revoked) open.set(statement, shorten(text.join('…')));
      // A statement in the template of another one is a part of that one.
      for (const parameter of parameters) open.delete(parameter);
      return statement;
    },
    get used() {
      return used;
    },
    get waiting() {
      const [first = null] = sent.values();
      return first;
    },
    failed: (error) => {
      if (isEngineError(error, 'HANDLER_NOT_AWAITED')) return String(error.fields['statement']);
      const led = failure?.error === error || isEngineError(error, 'HANDLER_IGNORED_ERROR');
      return led ? (failure?.text ?? null) : null;
    },
    revoke: () => {
      revoked = true;
    },
    end: () => {
      if (!revoked) for (const statement of open.keys()) notAwaited.add(statement);
      revoked = true;
      const [first = null] = open.values();
      return first;
    },
  };
}

/**
 * Checks a statement, and tracks the handler's savepoints: it may roll back only to one of its own.
 * @returns the kind of the statement
 * @throws EngineError HANDLER_STATEMENT_REFUSED
 */
function check(text: string, savepoints: string[]): GuardedStatement['kind'] {
  const statement = readGuardedStatement(text);
  switch (statement.kind) {
    case 'plain':
      break;
    case 'refused':
      throw new EngineError('HANDLER_STATEMENT_REFUSED', { statement: shorten(text), reason: statement.reason });
    case 'savepoint':
      savepoints.push(statement.name);
      break;
    case 'rollback to':
    case 'release': {
      const last = savepoints.lastIndexOf(statement.name);
      if (last === -1) {
        const reason = 'the handler has made no such savepoint';
        throw new EngineError('HANDLER_STATEMENT_REFUSED', { statement: shorten(text), reason });
      }
      savepoints.length = statement.kind === 'release' ? last : last + 1;
    }
  }
  return statement.kind;
}

/** Never settles. It is garbage together with the promises that wait for it. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
