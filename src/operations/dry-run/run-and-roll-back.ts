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
import { recorded } from './recorded-transaction.ts';

const CHANGES_LISTED = 200;
const LIMITS = { statementMs: 10_000, nextStatementMs: 15_000 };

type Outcome = Pick<TryReport, 'outcome' | 'error' | 'code' | 'sqlstate'>;
export type Tried = Omit<TryReport, 'name' | 'position' | 'eventId' | 'eventName' | 'payload'>;

export interface TryWork {
  readonly projection: Projection;
  /** All that run on this store: whose table is whose. */
  readonly projections: readonly Projection[];
  readonly event: StoredEvent;
  /** Called with the backend's pid once the transaction is open. */
  readonly onOpen: (pid: number) => void;
}

/**
 * Runs one event as the engine would, in a transaction that is rolled back, and says what it has done. The projection's
 * row is not locked, so nothing waits for a page here, nor a page for this. Two sessions: what the transaction has
 * changed is what another one sees otherwise.
 * @throws the driver's error when the database cannot do it now
 */
export async function tryEvent(sql: Sql, work: TryWork): Promise<Tried> {
  return await sql.begin('ISOLATION LEVEL READ COMMITTED READ ONLY', async (outside) => {
    void limitPage(outside, { applicationName: `try:look:${work.projection.name}`, ...LIMITS }).catch(() => undefined);
    return await rolledBack(sql, async (tx) => await tryIn(tx, outside, work));
  });
}

async function tryIn(tx: Tx, outside: Queryable, { projection, projections, event, onOpen }: TryWork): Promise<Tried> {
  void limitPage(tx, { applicationName: `try:${projection.name}`, ...LIMITS }).catch(() => undefined);
  const [{ xid, pid }] = await tx<[{ xid: string; pid: number }]>`
    SELECT pg_current_xact_id()::text AS xid, pg_backend_pid() AS pid`;
  onOpen(pid);
  const owners = tableOwners(projections);
  const catalog = await readCatalog(outside, [...projection.tables.keys()]);
  const recording = recorded(tx);
  const context = {
    owners,
    replayUntil: event.position,
    xid,
    // Never null: what COMMIT would check is checked here, whoever's table it belongs to.
    deferred: catalog.deferred,
    catalog,
    // The try as a whole has one.
    deadline: null,
  };
  const outcome = await runEvents(recording.tx, projection, [event], context).then(
    (): Outcome => ({ outcome: 'applied', error: null, code: null, sqlstate: null }),
    async (error: unknown) => await toOutcome(outside, { projection, owners, event, error }),
  );
  const { listed, more } = recording.statements();
  const told = { ...outcome, statements: listed, moreStatements: more };
  if (outcome.outcome !== 'applied') return { ...told, changes: [], moreChanges: 0 };
  const stored = storedTables(catalog);
  const tables = new Map(
    [...projection.tables].flatMap(([name, { key }]) => {
      const table = stored.get(name);
      return table === undefined ? [] : [[name, { key, columns: table.columns }] as const];
    }),
  );
  const changed = await readChanges(tx, outside, { tables, xid, limit: CHANGES_LISTED });
  return { ...told, changes: changed.changes, moreChanges: changed.more };
}

/** An event that lacks a row of another projection by a foreign key waits for that one, as it does in a page. */
async function toOutcome(
  outside: Queryable,
  {
    projection,
    owners,
    event,
    error,
  }: Pick<TryWork, 'projection' | 'event'> & {
    readonly owners: ReturnType<typeof tableOwners>;
    readonly error: unknown;
  },
): Promise<Outcome> {
  const waiting = (detail: string): Outcome => ({ outcome: 'waiting', error: detail, code: null, sqlstate: null });
  if (error instanceof DependencyNotReady) return waiting(error.message);
  if (!(error instanceof EventFailed)) throw error;
  const parent = await referencedProjection(outside, projection, owners, error.cause);
  if (parent !== null && parent.cursor < event.position) return waiting(waitingText(parent, event.position));
  const { error: words, code, sqlstate } = error.failure;
  return { outcome: 'failed', error: words, code, sqlstate };
}
