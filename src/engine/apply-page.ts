import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { Sql, Tx } from '../store/connect.ts';
import { clearFailures, type EventFailure, recordFailure } from '../store/failures.ts';
import type { JsonColumns } from '../store/json-columns.ts';
import { limitPage } from '../store/page-limits.ts';
import type { Page } from '../store/read.ts';
import { isLockNotAvailable, isTransient, sqlstateOf } from '../store/sqlstate.ts';
import { advance, type LockedState, lockState } from '../store/state.ts';
import type { FailpointHook } from './failpoint.ts';
import { CannotFold } from './fold/encode-write.ts';
import { foldPage } from './fold/fold-page.ts';
import { waitingText } from './lookups.ts';
import { EventFailed, HeldElsewhere, LookupWaits, type PageOutcome } from './outcome.ts';
import type { PageMeter } from './page-meter.ts';
import { referencedProjection } from './references.ts';
import { runEvents } from './run-events.ts';

export interface PageWork {
  readonly projection: Projection;
  readonly page: Page;
  /** What the stored row must say, or the page was made for another place. */
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly replayUntil: bigint;
  /** An attempt goes through a stored halt. */
  readonly attempt: boolean;
  /** Constraints of the projection's tables that are checked at COMMIT only. */
  readonly deferred: readonly string[];
  /** The projection's JSON columns. */
  readonly json: JsonColumns;
  readonly meter?: PageMeter;
}

export interface PageSettings {
  readonly sql: Sql;
  readonly owner: string;
  readonly owners: TableOwners;
  /** Attempts at one event, counted over restarts, before the projection halts. */
  readonly maxAttempts: number;
  /** Milliseconds one statement of a handler may take. */
  readonly statementTimeoutMs: number;
  /** Milliseconds the server waits for the next statement of a page before it ends the transaction. Default 15000. */
  readonly nextStatementMs?: number | undefined;
  /** Pages of at least this many events are folded into set-based statements. */
  readonly foldFrom: number;
  readonly failpoint?: FailpointHook | undefined;
}

/** Which part of the page a transaction takes on. */
type Part =
  | { readonly kind: 'whole' }
  /** Everything before the event that failed, then that event under a savepoint. */
  | { readonly kind: 'suspect'; readonly index: number }
  /** Everything before the event whose look-up waits. */
  | { readonly kind: 'before'; readonly index: number; readonly detail: string };

/**
 * Applies one page in one transaction: lock the row, run the events, compare-and-set the cursor, commit. When a folded
 * page cannot be told in memory, it is rolled back and run in order. When an event fails, the transaction is rolled back
 * and run again up to it: what precedes it commits, together with the record of the failure. (A savepoint per event
 * would make every good page pay for the bad one.)
 *
 * Rejects when the database is at fault; then nothing was committed, or the commit's outcome is unknown and reading the
 * row again tells. Never repeat a page after that without reading the row.
 */
export async function applyPage(settings: PageSettings, work: PageWork): Promise<PageOutcome> {
  let part: Part = { kind: 'whole' };
  let deferred = work.deferred.length > 0 ? work.deferred : null;
  // Folding costs one more round trip, which a handful of events does not earn back.
  let fold = deferred === null && work.page.events.length >= settings.foldFrom;
  // Each round stops at an earlier event than the last one, or gives up something, or commits.
  for (let round = 0; round <= work.page.events.length + 3; round++) {
    try {
      return await settings.sql.begin(
        'ISOLATION LEVEL READ COMMITTED',
        async (tx) => await applyPart(tx, settings, work, { ...part, fold, deferred }),
      );
    } catch (error) {
      if (error instanceof CannotFold) fold = false;
      else if (error instanceof EventFailed) {
        if (isEngineError(error.cause, 'HANDLER_ENDED_TRANSACTION')) return await haltDamaged(settings, work, error);
        part = { kind: 'suspect', index: error.index };
      } else if (error instanceof LookupWaits) part = { kind: 'before', index: error.index, detail: error.message };
      else if (error instanceof HeldElsewhere) return { kind: 'elsewhere' };
      else if (isEngineError(error, 'HANDLER_ENDED_TRANSACTION'))
        return await haltDamaged(settings, work, atFirst(work, error));
      else if (deferred === null && sqlstateOf(error) !== null && !isTransient(error)) {
        // COMMIT itself was refused: something was checked only then. Check after each event, to find the one at fault.
        deferred = [];
        fold = false;
      } else throw error;
    }
  }
  throw new EngineError('CURSOR_MOVED', { name: work.projection.name });
}

async function applyPart(
  tx: Tx,
  settings: PageSettings,
  work: PageWork,
  part: Part & { readonly fold: boolean; readonly deferred: readonly string[] | null },
): Promise<PageOutcome> {
  const { projection, page } = work;
  // Not awaited: it travels with the next statement, which fails too if this does.
  void limitPage(tx, {
    applicationName: `proj:${settings.owner}:${projection.name}`,
    statementMs: settings.statementTimeoutMs,
    nextStatementMs: settings.nextStatementMs ?? 15_000,
  }).catch(() => undefined);
  const locked = await lockState(tx, projection.name).catch((error: unknown) => {
    throw isLockNotAvailable(error) ? new HeldElsewhere() : error;
  });
  if (locked === null) throw new EngineError('PROJECTION_ROW_MISSING', { name: projection.name });
  if (locked.status === 'paused') return { kind: 'paused' };
  if (locked.status === 'halted' && !work.attempt) return { kind: 'halted' };
  if (locked.cursor !== work.cursor || locked.generation !== work.generation) return { kind: 'moved' };
  await settings.failpoint?.('locked', projection.name);

  const { replayUntil, json, meter } = work;
  const context = { owners: settings.owners, replayUntil, xid: locked.xid, deferred: part.deferred, json, meter };
  const before = part.kind === 'whole' ? page.events : page.events.slice(0, part.index);
  const move = async (to: bigint): Promise<void> => {
    await settings.failpoint?.('rows-written', projection.name);
    await moveTo(tx, settings, work, locked, to);
    await settings.failpoint?.('cursor-moved', projection.name);
  };
  let to = page.to;
  let failure: EventFailure | null = null;
  if (part.kind === 'whole' && !part.fold) await runEvents(tx, projection, before, context, () => move(to));
  else {
    await (part.fold ? foldPage : runEvents)(tx, projection, before, context);
    const suspect = part.kind === 'suspect' ? page.events[part.index] : undefined;
    failure = suspect === undefined ? null : await trySuspect(tx, projection, suspect, before.length, context);
    const last = failure === null && suspect !== undefined ? suspect : before.at(-1);
    if (part.kind !== 'whole') to = last?.position ?? work.cursor;
    await move(to);
  }
  if (locked.hasFailures) await clearFailures(tx, projection.name, to);
  if (failure !== null) {
    const { attempts, halted } = await recordFailure(tx, projection.name, failure, settings.maxAttempts);
    return { kind: 'failed', cursor: to, failure, attempts, halted };
  }
  if (locked.status === 'halted') {
    await tx`UPDATE projection_state SET status = 'running' WHERE name = ${projection.name} AND instance_id = ''`;
  }
  return part.kind === 'before'
    ? { kind: 'waiting', cursor: to, detail: part.detail }
    : { kind: 'applied', cursor: to, folded: part.fold };
}

async function moveTo(tx: Tx, settings: PageSettings, work: PageWork, locked: LockedState, to: bigint): Promise<void> {
  if (to === work.cursor) return;
  const { name } = work.projection;
  const { moved, sameTransaction } = await advance(tx, {
    name,
    from: work.cursor,
    to,
    generation: work.generation,
    xid: locked.xid,
    owner: settings.owner,
    newest: to === work.page.to && work.page.after === work.cursor ? work.page.newest : null,
  });
  if (!sameTransaction) throw new EngineError('HANDLER_ENDED_TRANSACTION', { name, position: to });
  if (!moved) throw new EngineError('CURSOR_MOVED', { name });
}

/**
 * The event that failed before, alone: it may go through now, and if not, it leaves no trace. Where it lacks a row that
 * another projection has yet to write, it waits; where that one has passed it, the row may have come since, so once more.
 * @throws LookupWaits
 */
async function trySuspect(
  tx: Tx,
  projection: Projection,
  event: StoredEvent,
  index: number,
  context: Parameters<typeof runEvents>[3],
): Promise<EventFailure | null> {
  for (let last = false; ; last = true) {
    try {
      await tx.savepoint(async (inner) => await runEvents(inner, projection, [event], context));
      return null;
    } catch (error) {
      if (!(error instanceof EventFailed)) throw error;
      const parent = last ? null : await referencedProjection(tx, projection, context.owners, error.cause);
      if (parent === null) return error.failure;
      if (parent.cursor < event.position) throw new LookupWaits(index, waitingText(parent, event.position));
    }
  }
}

/** Seen only when the cursor was to move: any event of the page may have done it. */
function atFirst(work: PageWork, error: EngineError): EventFailed {
  const [event] = work.page.events;
  if (event === undefined) throw error;
  const { position, id: eventId, name: eventName } = event;
  return new EventFailed(
    0,
    { position, eventId, eventName, error: error.message, sqlstate: null, code: error.code, statement: null },
    error,
  );
}

/**
 * A handler committed the transaction itself: what it wrote stands although the cursor did not move, and nothing that is
 * run again can tell. Halt at once, and say so in an alarm that only a reset clears.
 */
async function haltDamaged(settings: PageSettings, work: PageWork, error: EventFailed): Promise<PageOutcome> {
  const { name } = work.projection;
  return await settings.sql.begin(async (tx) => {
    const locked = await lockState(tx, name);
    const { attempts } = await recordFailure(tx, name, error.failure, 1);
    await tx`UPDATE projection_state SET alarm = ${describeError(error.cause)} WHERE name = ${name} AND instance_id = ''`;
    return { kind: 'failed', cursor: locked?.cursor ?? work.cursor, failure: error.failure, attempts, halted: true };
  });
}
