import { EngineError, isEngineError } from '../core/errors.ts';
import type { Transaction } from '../core/projection.ts';
import { type GuardedStatement, readGuardedStatement } from './guarded-statement.ts';
import { type Rendered, Statement } from './sql.ts';

/** A transaction in somebody else's hands. */
export interface GuardedTransaction {
  /** Statements with parameters, and no way to begin, end or leave the transaction. */
  readonly tx: Transaction;
  /** Text of the first statement that was sent and has not been answered yet; null when there is none. */
  readonly waiting: string | null;
  /** Text of the statement that ended in this error, or in the one that led to it; null when none did. */
  failed(error: unknown): string | null;
  /** Whether any statement has been made over it. */
  readonly used: boolean;
  /** Takes it back from a handler that is still at work: what it sends from now on is refused. */
  revoke(): void;
  /**
   * Takes it back at the handler's end. What it has made by then and not waited for is never answered: the failure is the
   * handler's, which is told by the return value, and no promise that it has left behind may tell it a second time.
   * @returns the first such statement, or null
   */
  end(): string | null;
}

/** Where lent statements are sent. */
export interface Sender {
  unsafe(
    text: string,
    values: readonly unknown[],
    options: { readonly prepare: boolean },
  ): PromiseLike<readonly object[]>;
}

/** Lends a transaction to a handler, for as long as the handler works. */
export function guardTransaction(tx: Sender): GuardedTransaction {
  /** Made and not answered yet. */
  const open = new Map<unknown, string>();
  const sent = new Map<unknown, string>();
  const uncaughtErrors = new Set<unknown>();
  const savepoints: string[] = [];
  let failure: { readonly error: unknown; readonly text: string } | null = null;
  let revoked = false;
  let used = false;

  async function send(made: unknown, { text, values }: Rendered): Promise<readonly object[]> {
    try {
      if (revoked) throw new EngineError('TRANSACTION_OVER');
      sent.set(made, text);
      const kind = check(text, savepoints);
      const rows = await tx.unsafe(text, values, { prepare: true });
      // The handler has taken it back, and the transaction goes on.
      if (kind === 'rollback to') failure = null;
      return rows;
    } catch (error) {
      failure ??= { error, text };
      throw error;
    } finally {
      sent.delete(made);
      open.delete(made);
      if (uncaughtErrors.has(made)) await never();
    }
  }

  return {
    tx: <T extends readonly object[]>(text: TemplateStringsArray, ...parameters: readonly unknown[]) => {
      const statement: Statement<T> = new Statement<T>((rendered) => send(statement, rendered), text, parameters, true);
      used = true;
      if (!revoked) open.set(statement, shown(text.join('…')));
      // One that is put into another one is a part of that.
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
      if (!revoked) for (const made of open.keys()) uncaughtErrors.add(made);
      revoked = true;
      const [first = null] = open.values();
      return first;
    },
  };
}

/**
 * A handler may take back what it did since a savepoint of its own.
 * @returns what kind of statement it is
 * @throws EngineError HANDLER_STATEMENT_REFUSED
 */
function check(text: string, savepoints: string[]): GuardedStatement['kind'] {
  const statement = readGuardedStatement(text);
  switch (statement.kind) {
    case 'plain':
      break;
    case 'refused':
      throw new EngineError('HANDLER_STATEMENT_REFUSED', { statement: shown(text), reason: statement.reason });
    case 'savepoint':
      savepoints.push(statement.name);
      break;
    case 'rollback to':
    case 'release': {
      const last = savepoints.lastIndexOf(statement.name);
      if (last === -1) {
        const reason = 'the handler has made no such savepoint';
        throw new EngineError('HANDLER_STATEMENT_REFUSED', { statement: shown(text), reason });
      }
      savepoints.length = statement.kind === 'release' ? last : last + 1;
    }
  }
  return statement.kind;
}

/** Whoever waits for it is forgotten with it. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
