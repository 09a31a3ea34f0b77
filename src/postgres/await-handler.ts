import { EngineError, isEngineError } from '../core/errors.ts';
import { isConnectionLost } from './errors.ts';
import type { GuardedTransaction } from './guarded-transaction.ts';
import type { Tx } from './pool.ts';

/** A handler has committed or rolled back its transaction, so its earlier statements may have been committed. */
export class TransactionEnded extends Error {}

/**
 * Waits for a handler that runs SQL of its own in `tx`, and closes its guarded transaction. Afterwards the transaction
 * must still have the id `xid`, or the statements that follow would belong to another one.
 * @returns the value with which the handler resolved
 * @throws the handler's error; TransactionEnded; EngineError HANDLER_NOT_AWAITED; the driver's error (25P02) if the handler
 *   caught the error of a statement
 */
export async function awaitHandler(
  tx: Tx,
  guarded: GuardedTransaction,
  result: Promise<unknown>,
  xid: string,
): Promise<unknown> {
  const [settled] = await Promise.allSettled([result]);
  const statement = guarded.end();
  const rejected = settled.status === 'rejected';
  // The session is lost or is being terminated, so it cannot answer.
  if (rejected && (isConnectionLost(settled.reason) || isEngineError(settled.reason, 'HANDLER_TIMEOUT'))) {
    throw settled.reason;
  }
  const notAwaited = statement === null ? null : new EngineError('HANDLER_NOT_AWAITED', { statement });
  // Also after a failure: the handler may have ended the transaction before it threw. An aborted transaction answers 25P02.
  const [row] = await tx<{ xid: string }[]>`SELECT pg_current_xact_id()::text AS xid`.catch((error: unknown) => {
    throw rejected ? settled.reason : (notAwaited ?? error);
  });
  if (row?.xid !== xid) {
    throw new TransactionEnded(
      'the handler ended the transaction itself',
      rejected ? { cause: settled.reason } : undefined,
    );
  }
  if (rejected) throw settled.reason;
  if (notAwaited !== null) throw notAwaited;
  return settled.value;
}
