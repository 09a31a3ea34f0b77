import type { EventShape, Projection, Transaction } from '../../core/projection.ts';
import { guardTransaction } from '../../postgres/guarded-transaction.ts';
import type { Tx } from '../../postgres/pool.ts';
import { rolledBack } from '../../postgres/rolled-back.ts';
import { runEvents } from '../../projector/apply-in-order.ts';
import { EventFailed } from '../../projector/page-outcome.ts';
import { readCatalog } from '../../read-model/catalog.ts';
import { toStored } from '../stored-event.ts';
import { createCompletion, type TestEvent } from '../test-event.ts';
import type { Ground } from './ground.ts';

/** The transaction of a test: it reads, it runs SQL of its own, and it hands events to the projection's handlers. */
export type TestTransaction<E extends EventShape = EventShape> = Transaction & {
  /**
   * Calls the handlers and carries out what they want. @throws what the handler or PostgreSQL throws; of the events of
   * this call nothing is left then, and the transaction can go on
   */
  apply(...events: readonly TestEvent<E>[]): Promise<void>;
};

/** Runs `work` in a transaction that is always rolled back. @returns what it returns. @throws what it throws */
export async function inTestTransaction<T, E extends EventShape>(
  { sql }: Ground,
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
  // Nobody is behind here: what a look-up does not find is missing.
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
