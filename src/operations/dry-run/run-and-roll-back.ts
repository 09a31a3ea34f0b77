import type { StoredEvent } from '../../core/event.ts';
import type { TryReport } from '../../core/failure.ts';
import type { Projection } from '../../core/projection.ts';
import { tableOwners } from '../../core/table-owners.ts';
import type { Queryable, Sql, Tx } from '../../postgres/pool.ts';
import { rolledBack } from '../../postgres/rolled-back.ts';
import { runEvents } from '../../projector/apply-in-order.ts';
import { referencedProjection } from '../../projector/foreign-key-waits.ts';
import { waitingText } from '../../projector/lookups.ts';
import { DependencyNotReady, EventFailed } from '../../projector/page-outcome.ts';
import { readCatalog, storedTables } from '../../read-model/catalog.ts';
import { readChanges } from '../../read-model/row-changes.ts';
import { limitPage } from '../../state/transaction-limits.ts';
import { recordTransaction } from './recording-transaction.ts';

const CHANGES_LISTED = 200;
const LIMITS = { statementMs: 10_000, nextStatementMs: 15_000 };

type Outcome = Pick<TryReport, 'outcome' | 'error' | 'code' | 'sqlstate'>;
export type DryRunResult = Omit<TryReport, 'name' | 'position' | 'eventId' | 'eventName' | 'payload'>;

export interface DryRunRequest {
  readonly projection: Projection;
  /** Every projection on this store, to know the owner of each table. */
  readonly projections: readonly Projection[];
  readonly event: StoredEvent;
  /** Called with the pid of the backend once the transaction is open. */
  readonly onOpen: (pid: number) => void;
}

/**
 * Applies one event as the engine would, in a transaction that is rolled back, and returns what it did. The projection's row
 * is not locked, so a dry run and a page do not wait for each other. A second session reads the rows as they are without
 * the transaction: the difference is what the event changes.
 * @throws the driver's error when the database cannot do it now
 */
export async function runAndRollBack(sql: Sql, request: DryRunRequest): Promise<DryRunResult> {
  return await sql.begin('ISOLATION LEVEL READ COMMITTED READ ONLY', async (outside) => {
    void limitPage(outside, { applicationName: `try:look:${request.projection.name}`, ...LIMITS }).catch(
      () => undefined,
    );
    return await rolledBack(sql, async (tx) => await runIn(tx, outside, request));
  });
}

async function runIn(tx: Tx, outside: Queryable, request: DryRunRequest): Promise<DryRunResult> {
  const { projection, projections, event, onOpen } = request;
  void limitPage(tx, { applicationName: `try:${projection.name}`, ...LIMITS }).catch(() => undefined);
  const [{ xid, pid }] = await tx<[{ xid: string; pid: number }]>`
    SELECT pg_current_xact_id()::text AS xid, pg_backend_pid() AS pid`;
  onOpen(pid);
  const owners = tableOwners(projections);
  const catalog = await readCatalog(outside, [...projection.tables.keys()]);
  const recording = recordTransaction(tx);
  const context = {
    owners,
    replayUntil: event.position,
    xid,
    // Never null: the constraints that COMMIT would check are checked here, for every table.
    deferred: catalog.deferred,
    catalog,
    // The dry run as a whole has a deadline.
    deadline: null,
  };
  const outcome = await runEvents(recording.tx, projection, [event], context).then(
    (): Outcome => ({ outcome: 'applied', error: null, code: null, sqlstate: null }),
    async (error: unknown) => await toOutcome(outside, { projection, owners, event, error }),
  );
  const { listed, more } = recording.statements();
  const report = { ...outcome, statements: listed, moreStatements: more };
  if (outcome.outcome !== 'applied') return { ...report, changes: [], moreChanges: 0 };
  const stored = storedTables(catalog);
  const tables = new Map(
    [...projection.tables].flatMap(([name, { key }]) => {
      const table = stored.get(name);
      return table === undefined ? [] : [[name, { key, columns: table.columns }] as const];
    }),
  );
  const changed = await readChanges(tx, outside, { tables, xid, limit: CHANGES_LISTED });
  return { ...report, changes: changed.changes, moreChanges: changed.more };
}

/** As in a page: an event waits when a foreign key lacks a row of another projection that is behind. */
async function toOutcome(
  outside: Queryable,
  {
    projection,
    owners,
    event,
    error,
  }: Pick<DryRunRequest, 'projection' | 'event'> & {
    readonly owners: ReturnType<typeof tableOwners>;
    readonly error: unknown;
  },
): Promise<Outcome> {
  const waiting = (detail: string): Outcome => ({ outcome: 'waiting', error: detail, code: null, sqlstate: null });
  if (error instanceof DependencyNotReady) return waiting(error.message);
  if (!(error instanceof EventFailed)) throw error;
  const parent = await referencedProjection(outside, projection, owners, error.cause);
  if (parent !== null && parent.cursor < event.position) return waiting(waitingText(parent, event.position));
  const { error: message, code, sqlstate } = error.failure;
  return { outcome: 'failed', error: message, code, sqlstate };
}
