import { EngineError } from '../core/errors.ts';
import type { Transaction } from '../core/projection.ts';
import { readLentStatement } from './lent-statement.ts';
import type { Queryable } from './session.ts';
import { type Rendered, Statement } from './statement.ts';

/** A transaction in somebody else's hands. */
export interface Lent {
  /** Statements with parameters, and no way to begin, end or leave the transaction. */
  readonly tx: Transaction;
  /** A statement was sent and has not been answered yet. */
  readonly waiting: boolean;
  /**
   * Takes it back: whoever still has it is refused. What was sent by then has been sent.
   * @returns the first statement that nobody has waited for, or null
   */
  revoke(): string | null;
}

/** Lends a transaction to a handler, for as long as the handler works. */
export function lend(tx: Queryable): Lent {
  /** Made and not answered yet. */
  const open = new Map<unknown, string>();
  const savepoints: string[] = [];
  let sent = 0;
  let revoked = false;

  async function send(made: unknown, { text, values }: Rendered): Promise<readonly object[]> {
    if (revoked) throw new EngineError('TRANSACTION_OVER');
    sent += 1;
    try {
      check(text, savepoints);
      return await tx.unsafe(text, values, { prepare: true });
    } finally {
      sent -= 1;
      open.delete(made);
    }
  }

  return {
    tx: <T extends readonly object[]>(text: TemplateStringsArray, ...parameters: readonly unknown[]) => {
      const statement: Statement<T> = new Statement<T>((rendered) => send(statement, rendered), text, parameters, true);
      if (!revoked) open.set(statement, shown(text.join('…')));
      // One that is put into another one is a part of that.
      for (const parameter of parameters) open.delete(parameter);
      return statement;
    },
    get waiting() {
      return sent > 0;
    },
    revoke: () => {
      revoked = true;
      const [first = null] = open.values();
      return first;
    },
  };
}

/** A handler may take back what it did since a savepoint of its own. @throws EngineError HANDLER_STATEMENT_REFUSED */
function check(text: string, savepoints: string[]): void {
  const statement = readLentStatement(text);
  switch (statement.kind) {
    case 'plain':
      return;
    case 'refused':
      throw new EngineError('HANDLER_STATEMENT_REFUSED', { statement: shown(text), reason: statement.reason });
    case 'savepoint':
      savepoints.push(statement.name);
      return;
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
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
