import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { Tx } from './connect.ts';
import type { ResetPlan } from './reset-plan.ts';
import { settleHandler, TransactionEnded } from './settle.ts';
import { lend } from './transaction.ts';

/**
 * Empties everything that a reset comes to: handlers whose tables the TRUNCATE has to name, then that one TRUNCATE, then
 * the other handlers. `xid` is the transaction's id.
 * @throws EngineError RESET_REFUSED, RESET_DAMAGED; what a handler throws; the driver's errors
 */
export async function emptyTables(tx: Tx, name: string, plan: ResetPlan, xid: string): Promise<void> {
  const run = async (projection: Projection): Promise<void> => {
    const lent = lend(tx);
    const work = async () => await projection.reset?.({ tx: lent.tx });
    await settleHandler(tx, lent, work(), xid).catch((error: unknown) => {
      if (!(error instanceof TransactionEnded)) throw error;
      const names = plan.projections.map((one) => one.name).join(', ');
      throw new EngineError('RESET_DAMAGED', { names }, { cause: error.cause });
    });
  };
  for (const projection of plan.handlersBefore) await run(projection);
  const kept = await notEmpty(tx, plan.mustBeEmpty);
  if (kept !== null) {
    const reason = `its projection's own reset keeps rows of ${kept}, which has a foreign key into what is truncated: drop the foreign key`;
    throw new EngineError('RESET_REFUSED', { name, reason });
  }
  if (plan.truncate.length > 0) await tx.unsafe(`TRUNCATE ${plan.truncate.join(', ')}`);
  for (const projection of plan.handlersAfter) await run(projection);
}

async function notEmpty(tx: Tx, tables: readonly string[]): Promise<string | null> {
  if (tables.length === 0) return null;
  const looks = tables.map((table, index) => `SELECT $${index + 1}::text AS kept WHERE EXISTS (SELECT FROM ${table})`);
  const [row] = await tx.unsafe<{ kept: string }[]>(looks.join(' UNION ALL '), [...tables], { prepare: true });
  return row?.kept ?? null;
}
