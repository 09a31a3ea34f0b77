import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Verdict } from '../core/failure-policy.ts';
import type { Projection } from '../core/projection.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Tx } from '../postgres/pool.ts';
import { catalogMark, readCatalog } from '../read-model/catalog.ts';
import { clearFailures, type EventFailure, recordFailure } from '../state/failures.ts';
import type { LockedState } from '../state/projection-state.ts';
import { limitPage, pageProgram } from '../state/transaction-limits.ts';
import { type RunContext, runEvents } from './apply-in-order.ts';
import { foldPage } from './fold/fold-page.ts';
import { referencedProjection } from './foreign-key-waits.ts';
import type { HandlerAnswers } from './handler-answers.ts';
import { waitingText } from './lookups.ts';
import type { PageDeadline } from './page-deadline.ts';
import { allMarks, pageMarks, restsOnRead } from './page-marks.ts';
import { CatalogMoved, DependencyNotReady, EventFailed, LockedByOther, type PageOutcome } from './page-outcome.ts';
import { newestTime, type PageSettings, type PageWork } from './page-request.ts';

/** The events of the page that one transaction applies. */
export type PageSlice =
  | { readonly kind: 'whole' }
  /** The events before the one that failed, and then that event under a savepoint. */
  | { readonly kind: 'retry-failed'; readonly index: number }
  /** The events before the one that failed, which is not tried again now. */
  | { readonly kind: 'record-failed'; readonly index: number; readonly failure: EventFailure; readonly cause: unknown }
  /** The events before the one that waits for another projection. */
  | { readonly kind: 'before-waiting'; readonly index: number; readonly detail: string };

/** How the events of a slice are applied. */
export interface ExecutionMode {
  /** As set-based statements; else event by event. */
  readonly fold: boolean;
  /** Constraints that are checked at the end of every event. Null: there are none. */
  readonly deferred: readonly string[] | null;
  readonly deadline: PageDeadline;
  /** The catalog of the page may be outdated: read it in the transaction. */
  readonly rereadCatalog: boolean;
  /** Whether to compare the tables with the catalog at the end. */
  readonly compareCatalog: boolean;
  readonly answers: HandlerAnswers;
}

/** One transaction: it applies the events of the slice, moves the cursor to their end, and records a failure. */
export async function applySlice(
  tx: Tx,
  settings: PageSettings,
  work: PageWork,
  slice: PageSlice,
  mode: ExecutionMode,
): Promise<PageOutcome> {
  const { projection, page } = work;
  const locked = await lockRow(tx, settings, work);
  mode.deadline.start(locked.pid);
  if (locked.status === 'paused') return { kind: 'paused' };
  if (locked.status === 'halted' && !work.attempt) return { kind: 'halted' };
  if (locked.cursor !== work.cursor || locked.generation !== work.generation) return { kind: 'moved' };
  refuseReplaced(projection.name, locked.replaced);
  await settings.failpoint?.('locked', projection.name);

  const { replayUntil, progress } = work;
  const { deadline, answers } = mode;
  const tables = [...projection.tables.keys()];
  const catalog = mode.rereadCatalog ? await readCatalog(tx, tables) : work.catalog;
  const context = {
    owners: settings.owners,
    replayUntil,
    xid: locked.xid,
    deferred: mode.deferred ?? (catalog.deferred.length > 0 ? catalog.deferred : null),
    deadline,
    recorder: progress?.pages,
    answers,
    catalog,
  };
  const before = slice.kind === 'whole' ? page.events : page.events.slice(0, slice.index);
  const move = async (to: bigint): Promise<void> => {
    await settings.failpoint?.('rows-written', projection.name);
    await moveTo(tx, settings, work, locked, to);
    await settings.failpoint?.('cursor-moved', projection.name);
  };
  const foldable = mode.fold && context.deferred === null && slice.kind === 'whole';
  const refused = foldable ? await foldPage(tx, projection, before, context) : null;
  const folded = foldable && refused === null;
  // If the page was not folded, the transaction is unchanged and goes on with the events in order.
  const compare = async (): Promise<void> => {
    if (!mode.compareCatalog || folded || answers.ranSql) return;
    const [{ mark }] = await tx<[{ mark: string }]>`SELECT ${catalogMark(tx, tables)} AS mark`;
    if (mark !== catalog.mark) throw new CatalogMoved();
  };
  let to = page.to;
  let failed: Failed | null = null;
  if (slice.kind === 'whole') {
    const end = async () => void (await Promise.all([compare(), move(to)]));
    if (folded) await end();
    else await runEvents(tx, projection, before, context, end);
  } else {
    await runEvents(tx, projection, before, context);
    failed = await resolveFailure(tx, settings, work, slice, context);
    to = lastPassed(page.events, slice, failed)?.position ?? page.after;
    await Promise.all([compare(), move(to)]);
  }
  if (locked.hasFailures) await clearFailures(tx, projection.name, to);
  if (failed !== null) return { kind: 'failed', cursor: to, ...failed };
  if (locked.status === 'halted') await settings.checkpoints.clearHalt(tx, projection.name);
  return slice.kind === 'before-waiting'
    ? { kind: 'waiting', cursor: to, detail: slice.detail }
    : {
        kind: 'applied',
        cursor: to,
        mode: folded ? 'folded' : 'in_order',
        ...(mode.rereadCatalog && { catalog }),
        ...(foldable && { inOrder: refused === null ? null : { table: refused.table, because: refused.message } }),
      };
}

interface Failed {
  readonly failure: EventFailure;
  readonly attempts: number;
  readonly verdict: Verdict;
}

/** Tries or records the event at the end of the slice. @returns null if it was applied, or if it only waits */
async function resolveFailure(
  tx: Tx,
  settings: PageSettings,
  { projection, page }: PageWork,
  slice: PageSlice,
  context: RunContext,
): Promise<Failed | null> {
  if (slice.kind === 'whole' || slice.kind === 'before-waiting') return null;
  const event = page.events[slice.index];
  if (event === undefined) return null;
  const failure =
    slice.kind === 'retry-failed'
      ? await retryFailedEvent(tx, projection, event, slice.index, context)
      : await recheckFailedEvent(tx, projection, event, slice, context);
  if (failure === null) return null;
  return { failure, ...(await recordFailure(tx, projection.name, failure, settings.policy)) };
}

/**
 * The failure of an event that is not tried again, unless it lacked a row that another projection has written meanwhile.
 * @throws DependencyNotReady
 */
async function recheckFailedEvent(
  tx: Tx,
  projection: Projection,
  event: StoredEvent,
  { index, failure, cause }: Extract<PageSlice, { kind: 'record-failed' }>,
  context: RunContext,
): Promise<EventFailure | null> {
  const parent = await referencedProjection(tx, projection, context.owners, cause);
  if (parent === null) return failure;
  if (parent.cursor < event.position) throw new DependencyNotReady(index, waitingText(parent, event.position));
  return await retryFailedEvent(tx, projection, event, index, context);
}

/** The event to which the cursor moves. */
function lastPassed(
  events: readonly StoredEvent[],
  slice: Exclude<PageSlice, { kind: 'whole' }>,
  failed: Failed | null,
): StoredEvent | undefined {
  const applied = slice.kind !== 'before-waiting' && failed === null;
  return events[applied || failed?.verdict === 'skip' ? slice.index : slice.index - 1];
}

async function lockRow(tx: Tx, settings: PageSettings, { projection: { name } }: PageWork): Promise<LockedState> {
  const { eventTimeoutMs } = settings.policy;
  // Not awaited, so it is sent together with the next statement, which fails too if this one does.
  void limitPage(tx, {
    applicationName: pageProgram(settings.owner, name),
    statementMs: Math.max(STATEMENT_MS, eventTimeoutMs),
    // Longer than the deadline of an event, since that names the event at fault.
    nextStatementMs: settings.nextStatementMs ?? Math.max(STATEMENT_MS, eventTimeoutMs) + 5000,
  }).catch(() => undefined);
  const locked = await settings.checkpoints.lock(tx, name).catch((error: unknown) => {
    throw isLockNotAvailable(error) ? new LockedByOther() : error;
  });
  if (locked === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
  return locked;
}

/** @throws EngineError TABLE_REPLACED if the page would write to a table that is not the recorded one */
function refuseReplaced(name: string, table: string | null): void {
  if (table !== null) throw new EngineError('TABLE_REPLACED', { name, table });
}

/** Smallest time limit of one statement of a page. */
const STATEMENT_MS = 10_000;

async function moveTo(tx: Tx, settings: PageSettings, work: PageWork, locked: LockedState, to: bigint): Promise<void> {
  if (to === work.cursor) return;
  const { page } = work;
  const { name } = work.projection;
  const whole = to === page.to;
  const { moved, sameTransaction, marksInStore, unbroken, replaced } = await settings.checkpoints.move(tx, {
    name,
    from: work.cursor,
    to,
    generation: work.generation,
    xid: locked.xid,
    owner: settings.owner,
    newest: whole ? newestTime(work.newest ?? null, page.newest) : (work.newest ?? null),
    knownTo: whole ? to : page.after,
    marks: pageMarks(work, to),
    readAt: restsOnRead(work, to),
  });
  if (!sameTransaction) throw new EngineError('HANDLER_ENDED_TRANSACTION', { name, position: to });
  if (!marksInStore || (!unbroken && !(await settings.events.areInStore(tx, allMarks(work, to)))))
    throw new EngineError('EVENTS_TAKEN_BACK', { name, to });
  // The table may have been replaced between the lock of the row and the first write, which keeps the name from then on.
  refuseReplaced(name, replaced);
  if (!moved) throw new EngineError('CURSOR_MOVED', { name });
}

/**
 * Applies the event that failed before under a savepoint, so that another failure leaves no changes. If it lacks a row that
 * another projection has still to write, it waits. If that projection has passed the event, the row may have been written
 * meanwhile, so the event is tried a second time.
 * @throws DependencyNotReady
 */
async function retryFailedEvent(
  tx: Tx,
  projection: Projection,
  event: StoredEvent,
  index: number,
  context: RunContext,
): Promise<EventFailure | null> {
  for (let last = false; ; last = true) {
    try {
      await tx.savepoint(async (inner) => await runEvents(inner, projection, [event], context));
      return null;
    } catch (error) {
      if (!(error instanceof EventFailed)) throw error;
      const parent = last ? null : await referencedProjection(tx, projection, context.owners, error.cause);
      if (parent === null) return error.failure;
      if (parent.cursor < event.position) throw new DependencyNotReady(index, waitingText(parent, event.position));
    }
  }
}
