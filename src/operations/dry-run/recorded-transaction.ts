import type { TriedStatement } from '../../core/failure.ts';
import { isAborted } from '../../postgres/errors.ts';
import { toLiteral } from '../../postgres/literal.ts';
import type { Tx } from '../../postgres/pool.ts';
import { queryable } from '../../postgres/session.ts';
import type { Run } from '../../postgres/sql.ts';

const LISTED = 1000;

/** What the engine asks and sets for itself; of interest only where it fails. */
const OWN = /^(SELECT pg_current_xact_id\(\)|SET CONSTRAINTS )/;

interface Entry extends TriedStatement {
  /** unseen: an earlier one had failed, so the server did not even look at it. */
  state: 'run' | 'failed' | 'unseen';
}

/** The same transaction, with a list of everything that is sent over it. */
export interface Recorded {
  readonly tx: Tx;
  /** What the server has run so far, the first thousand, and the last one that failed. */
  statements(): { readonly listed: readonly TriedStatement[]; readonly more: number };
}

export function recorded(tx: Tx): Recorded {
  const entries: Entry[] = [];
  let more = 0;
  const recordedTx = (inner: Tx): Tx => {
    const run: Run = async ({ text, values }, { prepare, arrays, changes }) => {
      const entry: Entry = { text, values: values.map(toLiteral), state: 'run' };
      const kept = entries.length < LISTED;
      if (kept) entries.push(entry);
      else if (!OWN.test(text)) more += 1;
      try {
        const statement = inner.unsafe(text, values, { prepare, changes });
        return await (arrays ? statement.values() : statement);
      } catch (error) {
        entry.state = isAborted(error) ? 'unseen' : 'failed';
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
      const run = entries.filter(({ state, text }) => state === 'failed' || (state === 'run' && !OWN.test(text)));
      return { listed: run.map(({ text, values }) => ({ text: text.trim(), values })), more };
    },
  };
}
