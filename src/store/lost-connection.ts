import type postgres from 'postgres';
import { isConnectionLost } from './sqlstate.ts';

/**
 * What the driver (3.4.9) does when the connection of a transaction is lost, and what is done about it here.
 *
 * It rejects `begin`, but the work goes on: its next statement, and the driver's own ROLLBACK or COMMIT, are written to
 * the connection object all the same. If that has no socket, the write throws where nobody can catch it and the process
 * ends; if it has connected again for somebody else, the statements run in that one's transaction, or in none.
 * So from the moment `begin` has been rejected, no statement of the work is handed to the driver any more, and the work
 * never seems to end, so that the driver does not try to end the transaction either.
 */
export function guardTransactions<T extends Record<string, unknown>>(sql: postgres.Sql<T>): postgres.Sql<T> {
  const begin = sql.begin.bind(sql) as Begin<T>;
  const guarded: Begin<T> = async (options, work) => {
    const state = { lost: false };
    try {
      return await begin(options, (tx) => unlessLost(state, () => work(guardTx(tx, state))));
    } catch (error) {
      state.lost = true;
      throw error;
    }
  };
  const overloaded = (first: string | Work<T>, second?: Work<T>) =>
    typeof first === 'string' && second !== undefined ? guarded(first, second) : guarded('', first as Work<T>);
  return Object.assign(sql, { begin: overloaded as postgres.Sql<T>['begin'] });
}

type Tx<T extends Record<string, unknown>> = postgres.TransactionSql<T>;
type Work<T extends Record<string, unknown>> = (tx: Tx<T>) => unknown;
type Begin<T extends Record<string, unknown>> = (options: string, work: Work<T>) => Promise<unknown>;

interface State {
  lost: boolean;
}

/** The parts of the driver's query that are needed to keep it from being sent. */
interface PendingStatement {
  handler: (query: PendingStatement) => unknown;
  reject: (error: unknown) => void;
}

async function unlessLost(state: State, work: () => unknown): Promise<unknown> {
  try {
    const result = await work();
    if (state.lost) return await never();
    return result;
  } catch (error) {
    // Whatever the work made of the loss, by the next turn `begin` has been rejected with it.
    await new Promise((turn) => setImmediate(turn));
    if (state.lost) return await never();
    throw error;
  }
}

/** Nobody waits for it: `begin` has been rejected already. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function guardTx<T extends Record<string, unknown>>(tx: Tx<T>, state: State): Tx<T> {
  const watch = <Made>(made: Made): Made => {
    if (!isPendingStatement(made)) return made;
    const { handler, reject } = made;
    // A statement is sent when it is first awaited, which may be long after it was made.
    made.handler = (query) => (state.lost ? query.reject(connectionLost()) : handler(query));
    // At once: what waits for this statement may send its next one before `begin` has been rejected.
    made.reject = (error) => {
      if (isConnectionLost(error)) state.lost = true;
      reject(error);
    };
    return made;
  };
  const call = tx as unknown as (...args: readonly unknown[]) => unknown;
  const unsafe = tx.unsafe as (...args: readonly unknown[]) => unknown;
  const savepoint = tx.savepoint as unknown as (...args: readonly unknown[]) => Promise<unknown>;
  return Object.assign((...args: readonly unknown[]) => watch(call(...args)), tx, {
    unsafe: (...args: readonly unknown[]) => watch(unsafe(...args)),
    savepoint: async (...args: readonly unknown[]) => {
      if (state.lost) throw connectionLost();
      const work = args.at(-1) as Work<T>;
      return await savepoint(...args.slice(0, -1), (inner: Tx<T>) =>
        unlessLost(state, () => work(guardTx(inner, state))),
      );
    },
  }) as unknown as Tx<T>;
}

function isPendingStatement(made: unknown): made is PendingStatement {
  return made instanceof Promise && typeof Reflect.get(made, 'handler') === 'function';
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection of this transaction was lost'), { code: 'CONNECTION_CLOSED' });
}
