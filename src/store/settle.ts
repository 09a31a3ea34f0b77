import type { Tx } from './connect.ts';
import { isConnectionLost } from './sqlstate.ts';

/** A handler has committed or rolled back the transaction that it was lent: what it did before may stand. */
export class TransactionEnded extends Error {}

/**
 * Waits for a handler that runs SQL of its own in `tx`. Whatever it did, the transaction must still be the one with this
 * id, or nothing that follows would belong to it.
 * @throws what the handler threw; TransactionEnded; the driver's error where it swallowed one (25P02)
 */
export async function settleHandler(tx: Tx, result: Promise<unknown>, xid: string): Promise<unknown> {
  const [settled] = await Promise.allSettled([result]);
  if (settled.status === 'rejected' && isConnectionLost(settled.reason)) throw settled.reason;
  // Also after a failure: it may have ended the transaction before it threw. In one that is aborted nothing can be asked.
  const [row] = await tx<{ xid: string }[]>`SELECT pg_current_xact_id()::text AS xid`.catch((error: unknown) => {
    throw settled.status === 'rejected' ? settled.reason : error;
  });
  if (row?.xid !== xid) {
    const cause = settled.status === 'rejected' ? { cause: settled.reason } : {};
    throw new TransactionEnded('the handler ended the transaction itself', cause);
  }
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
