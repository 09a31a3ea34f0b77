import type { EventShape, Projection, Transaction } from '../../core/projection.ts';
import { guardTransaction } from '../../postgres/guarded-transaction.ts';
import type { Tx } from '../../postgres/pool.ts';
import { rolledBack } from '../../postgres/rolled-back.ts';
import { runEvents } from '../../projector/apply-in-order.ts';
import { EventFailed } from '../../projector/page-outcome.ts';
import { readCatalog } from '../../read-model/catalog.ts';
import { toStored } from '../stored-event.ts';
import { createCompletion, type TestEvent } from '../test-event.ts';
import type { TestSchema } from './test-schema.ts';

/** The transaction of a test: it runs SQL, and it applies events through the projection's handlers. */
export type TestTransaction<E extends EventShape = EventShape> = Transaction & {
  /**
   * Calls the handlers and applies their statements.
   * @throws what the handler or PostgreSQL throws. The changes of this call are undone then, and the transaction stays
   * usable.
   */
  apply(...events: readonly TestEvent<E>[]): Promise<void>;
};

/** Runs `work` in a transaction that is always rolled back. @returns what `work` returns. @throws what `work` throws */
export async function inTestTransaction<T, E extends EventShape>(
  { sql }: TestSchema,
  projections: readonly Projection[],
  work: (tx: TestTransaction<E>) => Promise<T>,
): Promise<T> {
  return await rolledBack(
    sql,
    async (tx) => await work(Object.assign(guardTransaction(tx).tx, { apply: await createApply(tx, projections) })),
  );
}

async function createApply(tx: Tx, projections: readonly Projection[]) {
  const [{ xid }] = await tx<[{ xid: string }]>`SELECT pg_current_xact_id()::text AS xid`;
  const tables = projections.flatMap((projection) => [...projection.tables.keys()]);
  const catalog = await readCatalog(tx, tables);
  // Without owners no projection can be behind: a row that a look-up does not find is missing.
  const context = {
    owners: new Map(),
    replayUntil: 0n,
    xid,
    deferred: catalog.deferred.length > 0 ? catalog.deferred : null,
    catalog,
    deadline: null,
  };
  const complete = createCompletion();
  let position = 0n;
  return async (...events: readonly TestEvent[]): Promise<void> => {
    const stored = events.map((event) => {
      position += 1n;
      return toStored(complete(event), position);
    });
    try {
      await tx.savepoint(async (inner) => {
        for (const projection of projections) await runEvents(inner, projection, stored, context);
      });
    } catch (error) {
      throw error instanceof EventFailed && error.cause !== undefined ? error.cause : error;
    }
  };
}
