import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { awaitHandler, TransactionEnded } from '../postgres/await-handler.ts';
import { isAborted } from '../postgres/errors.ts';
import type { GuardedTransaction, Sender } from '../postgres/guarded-transaction.ts';
import type { Tx } from '../postgres/pool.ts';
import type { Catalog } from '../read-model/catalog.ts';
import { catalogSql } from '../read-model/catalog-sql.ts';
import { toEventFailed } from './event-failure.ts';
import { type FlatStatement, flattenStatements } from './flatten.ts';
import { HandlerAnswers } from './handler-answers.ts';
import { resolveLookup } from './lookups.ts';
import type { PageDeadline } from './page-deadline.ts';
import type { PageMetricsRecorder } from './page-metrics.ts';
import { EventFailed } from './page-outcome.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';

export interface RunContext {
  readonly owners: TableOwners;
  /** The high-water mark at the start, or after a reset: events up to it are replayed. */
  readonly replayUntil: bigint;
  /** Id of the transaction at its start. */
  readonly xid: string;
  /** Deferred constraints, which are checked at the end of every event. Null: there are none. */
  readonly deferred: readonly string[] | null;
  readonly catalog: Catalog;
  /** Answers of handlers that were called already, and are not called again. Default: none. */
  readonly answers?: HandlerAnswers;
  /** Null: a handler has no deadline. */
  readonly deadline: PageDeadline | null;
  /** Records the durations of the statements. Default: none. */
  readonly recorder?: PageMetricsRecorder | undefined;
}

/**
 * Applies events one after the other inside `tx`. A write is sent before the result of the previous one has arrived; the
 * server runs them in the order sent, and the first that fails decides which event failed. `then` is sent right behind
 * the last write.
 * @throws EventFailed with the index of the event; DependencyNotReady; the driver's error if the database is at fault
 */
export async function runEvents(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  context: RunContext,
  then: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const pipeline = createPipeline(tx, events, context.recorder);
  await sendEvents(tx, projection, events, context, pipeline);
  const after = then();
  // If a write has failed, this fails too, and only the error of the write is the reason.
  after.catch(() => undefined);
  await pipeline.settled();
  await after;
}

async function sendEvents(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  context: RunContext,
  pipeline: Pipeline,
): Promise<void> {
  const { recorder, catalog } = context;
  const { suffix } = catalog;
  const answers = context.answers ?? new HandlerAnswers(projection, context.replayUntil, recorder);
  const sender: Sender =
    suffix === '' ? tx : { unsafe: (text, values, options) => tx.unsafe(text + suffix, values, options) };
  for (const [index, event] of events.entries()) {
    if (!projection.handlers.has(event.name)) continue;
    const run = async (statements: readonly FlatStatement[]): Promise<void> => {
      for (const statement of statements) {
        if (statement.kind !== 'lookup') {
          if (!projection.tables.has(statement.table)) throw notDeclared(projection, statement.table);
          pipeline.send(index, catalogSql(statement, catalog), statement);
          continue;
        }
        await pipeline.settled();
        const began = performance.now();
        const found = await resolveLookup(statement, {
          tx,
          owners: context.owners,
          name: projection.name,
          index,
          position: event.position,
        });
        recorder?.statement(event.name, performance.now() - began);
        if (found !== null) await run(flattenStatements(statement.use(found)));
      }
    };
    let guarded: GuardedTransaction | null = null;
    let statement: string | null = null;
    let called = false;
    try {
      const answer = answers.inTurn(event, sender);
      if (answer.kind === 'failed') {
        statement = answer.statement;
        throw answer.error;
      }
      if (answer.kind === 'promise') {
        guarded = answer.guarded;
        called = true;
        const began = performance.now();
        const inTime = context.deadline?.event(answer.promise, index, event, guarded) ?? answer.promise;
        await awaitImperative({ tx, guarded, xid: context.xid }, projection, event, inTime);
        called = false;
        recorder?.statement(event.name, performance.now() - began);
      } else await run(answer.statements);
      if (context.deferred !== null) {
        await pipeline.settled();
        await checkConstraints(tx, context.deferred);
      }
    } catch (error) {
      // If an earlier write has failed, this error is only a consequence of it.
      await pipeline.settled();
      const failed = toEventFailed(error, index, event, guarded?.failed(error) ?? statement);
      throw called && failed instanceof EventFailed ? failed.final() : failed;
    } finally {
      recorder?.handled();
    }
    if (pipeline.hasFailed()) break;
  }
}

/** Waits for an async handler, which runs its own SQL, and checks that the transaction is still the page's. */
async function awaitImperative(
  { tx, guarded, xid }: { readonly tx: Tx; readonly guarded: GuardedTransaction; readonly xid: string },
  projection: Projection,
  event: StoredEvent,
  result: Promise<unknown>,
): Promise<void> {
  const value = await awaitHandler(tx, guarded, result, xid).catch((error: unknown) => {
    const { name } = projection;
    if (isAborted(error)) throw new EngineError('HANDLER_IGNORED_ERROR', { name }, { cause: error });
    if (!(error instanceof TransactionEnded)) throw error;
    throw new EngineError('HANDLER_ENDED_TRANSACTION', { name, position: event.position }, { cause: error.cause });
  });
  if (value !== undefined) throw new EngineError('HANDLER_RESULT_INVALID', { result: `a promise of ${typeof value}` });
}

/** Checks every deferred constraint now, and defers these again for the events that follow. @throws the violation */
async function checkConstraints(tx: Tx, deferred: readonly string[]): Promise<void> {
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;
  if (deferred.length > 0) await tx.unsafe(`SET CONSTRAINTS ${deferred.join(', ')} DEFERRED`);
}

function notDeclared({ name }: Projection, table: string): EngineError {
  return new EngineError('TABLE_NOT_DECLARED', { name, table });
}
