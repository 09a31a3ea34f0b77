import type { TriedStatement } from '../../core/failure.ts';
import { isAborted } from '../../postgres/errors.ts';
import { toLiteral } from '../../postgres/literal.ts';
import type { Tx } from '../../postgres/pool.ts';
import { queryable } from '../../postgres/session.ts';
import type { Run } from '../../postgres/sql.ts';

const LISTED = 1000;

/** Statements of the engine itself, which are listed only when they fail. */
const ENGINE_STATEMENT = /^(SELECT pg_current_xact_id\(\)|SET CONSTRAINTS )/;

interface Entry extends TriedStatement {
  /** ignored: an earlier statement had failed, so the server did not run this one. */
  state: 'run' | 'failed' | 'ignored';
}

/** A transaction that records every statement sent through it. */
export interface RecordingTransaction {
  readonly tx: Tx;
  /** The first thousand statements that the server has run, the failed one included; `more` counts the others. */
  statements(): { readonly listed: readonly TriedStatement[]; readonly more: number };
}

export function recordTransaction(tx: Tx): RecordingTransaction {
  const entries: Entry[] = [];
  let more = 0;
  const recordedTx = (inner: Tx): Tx => {
    const run: Run = async ({ text, values }, { prepare, arrays, changes }) => {
      const entry: Entry = { text, values: values.map(toLiteral), state: 'run' };
      const kept = entries.length < LISTED;
      if (kept) entries.push(entry);
      else if (!ENGINE_STATEMENT.test(text)) more += 1;
      try {
        const statement = inner.unsafe(text, values, { prepare, changes });
        return await (arrays ? statement.values() : statement);
      } catch (error) {
        entry.state = isAborted(error) ? 'ignored' : 'failed';
        if (entry.state === 'failed' && !kept) entries.push(entry);
        throw error;
      }
    };
    const savepoint: Tx['savepoint'] = (work) => inner.savepoint((nested) => work(recordedTx(nested)));
    return Object.assign(queryable(run), { savepoint });
  };
  return {
    tx: recordedTx(tx),
    statements: () => {
      const run = entries.filter(
        ({ state, text }) => state === 'failed' || (state === 'run' && !ENGINE_STATEMENT.test(text)),
      );
      return { listed: run.map(({ text, values }) => ({ text: text.trim(), values })), more };
    },
  };
}
