import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { awaitHandler, TransactionEnded } from '../postgres/await-handler.ts';
import { guardTransaction } from '../postgres/guarded-transaction.ts';
import type { Tx } from '../postgres/pool.ts';
import type { ResetPlan } from './reset-plan.ts';

/**
 * Empties all tables of a reset: first by the reset handlers of projections whose tables the TRUNCATE has to name, then by
 * one TRUNCATE, then by the other reset handlers. Identity columns and the sequences that columns own restart, so that a
 * replay assigns the same numbers as before.
 * @param xid the id of the transaction
 * @returns sequences that were not restarted, since only their owner may restart them
 * @throws EngineError RESET_REFUSED, RESET_DAMAGED; errors of the handlers; the driver's errors
 */
export async function emptyTables(tx: Tx, name: string, plan: ResetPlan, xid: string): Promise<readonly string[]> {
  const run = async (projection: Projection): Promise<void> => {
    const guarded = guardTransaction(tx);
    const work = async () => await projection.reset?.({ tx: guarded.tx });
    await awaitHandler(tx, guarded, work(), xid).catch((error: unknown) => {
      if (!(error instanceof TransactionEnded)) throw error;
      const names = plan.projections.map((one) => one.name).join(', ');
      throw new EngineError('RESET_DAMAGED', { names }, { cause: error.cause });
    });
  };
  for (const projection of plan.handlersBefore) await run(projection);
  const notEmpty = await firstNotEmpty(tx, plan.mustBeEmpty);
  if (notEmpty !== null) {
    const reason = `its projection's own reset keeps rows of ${notEmpty}, which has a foreign key into what is truncated: drop the foreign key`;
    throw new EngineError('RESET_REFUSED', { name, reason });
  }
  const foreign = plan.truncate.length > 0 ? await foreignSequences(tx, plan.truncate) : [];
  // A rollback undoes RESTART IDENTITY. It does not undo setval, although setval would not need the owner.
  const restart = foreign.length === 0 ? 'RESTART IDENTITY' : 'CONTINUE IDENTITY';
  if (plan.truncate.length > 0) await tx.unsafe(`TRUNCATE ${plan.truncate.join(', ')} ${restart} RESTRICT`);
  for (const projection of plan.handlersAfter) await run(projection);
  return foreign;
}

/** Sequences of these tables, and of what inherits from them, that this role does not own. */
async function foreignSequences(tx: Tx, tables: readonly string[]): Promise<readonly string[]> {
  const rows = await tx<{ sequence: string }[]>`
    WITH RECURSIVE emptied (oid) AS (
      SELECT t::regclass::oid FROM unnest(${[...tables]}::text[]) AS t
      UNION
      SELECT i.inhrelid FROM pg_inherits AS i JOIN emptied AS e ON i.inhparent = e.oid
    )
    SELECT s.oid::regclass::text AS sequence
    FROM emptied AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = e.oid AND d.refobjsubid > 0
     AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE NOT pg_has_role(s.relowner, 'USAGE') ORDER BY 1`;
  return rows.map(({ sequence }) => sequence);
}

async function firstNotEmpty(tx: Tx, tables: readonly string[]): Promise<string | null> {
  if (tables.length === 0) return null;
  const checks = tables.map((table, index) => `SELECT $${index + 1}::text AS name WHERE EXISTS (SELECT FROM ${table})`);
  const [row] = await tx.unsafe<{ name: string }[]>(checks.join(' UNION ALL '), [...tables], { prepare: true });
  return row?.name ?? null;
}
