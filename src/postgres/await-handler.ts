import { EngineError, isEngineError } from '../core/errors.ts';
import { isConnectionLost } from './errors.ts';
import type { GuardedTransaction } from './guarded-transaction.ts';
import type { Tx } from './pool.ts';

/** A handler has committed or rolled back the transaction that it was lent: what it did before may stand. */
export class TransactionEnded extends Error {}

/**
 * Waits for a handler that runs SQL of its own in `tx`, which it was lent and has to give back. Whatever it did, the
 * transaction must still be the one with this id, or nothing that follows would belong to it.
 * @throws what the handler threw; TransactionEnded; EngineError HANDLER_NOT_AWAITED; the driver's error where it
 *   swallowed one (25P02)
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
  // The session is gone, or is being ended: nothing can be asked of it.
  if (rejected && (isConnectionLost(settled.reason) || isEngineError(settled.reason, 'HANDLER_TIMEOUT'))) {
    throw settled.reason;
  }
  const notAwaited = statement === null ? null : new EngineError('HANDLER_NOT_AWAITED', { statement });
  // Also after a failure: it may have ended the transaction before it threw. In one that is aborted nothing can be asked.
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
