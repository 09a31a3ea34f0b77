import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Verdict } from '../core/failure-policy.ts';
import type { Projection } from '../core/projection.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Tx } from '../postgres/pool.ts';
import { catalogMark, readCatalog } from '../read-model/catalog.ts';
import { clearFailures, type EventFailure, recordFailure } from '../state/failures.ts';
import { advance, areInStore, type LockedState, lockState } from '../state/projection-state.ts';
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

/** Which part of the page a transaction takes on. */
export type Part =
  | { readonly kind: 'whole' }
  /** Everything before the event that failed, then that event under a savepoint. */
  | { readonly kind: 'suspect'; readonly index: number }
  /** Everything before the event that failed and is not to be tried again now. */
  | { readonly kind: 'given up'; readonly index: number; readonly failure: EventFailure; readonly cause: unknown }
  /** Everything before the event whose look-up waits. */
  | { readonly kind: 'before'; readonly index: number; readonly detail: string };

/** How the events of a part are run. */
export interface Way {
  /** As set-based statements; else event by event. */
  readonly fold: boolean;
  /** Constraints that every event is checked against at its end. Null: there are none. */
  readonly deferred: readonly string[] | null;
  readonly deadline: PageDeadline;
  /** The tables were found to be other than the page's work says: read the catalog in the transaction. */
  readonly fresh: boolean;
  /** Whether to look again in the end that the tables still are what the catalog says. */
  readonly compare: boolean;
  readonly answers: HandlerAnswers;
}

/** The work of one transaction: everything of the part, the cursor that stands for it, and the record of a failure. */
export async function applyPart(
  tx: Tx,
  settings: PageSettings,
  work: PageWork,
  part: Part,
  way: Way,
): Promise<PageOutcome> {
  const { projection, page } = work;
  const locked = await lockRow(tx, settings, work);
  way.deadline.start(locked.pid);
  if (locked.status === 'paused') return { kind: 'paused' };
  if (locked.status === 'halted' && !work.attempt) return { kind: 'halted' };
  if (locked.cursor !== work.cursor || locked.generation !== work.generation) return { kind: 'moved' };
  refuseReplaced(projection.name, locked.replaced);
  await settings.failpoint?.('locked', projection.name);

  const { replayUntil, progress } = work;
  const { deadline, answers } = way;
  const tables = [...projection.tables.keys()];
  const catalog = way.fresh ? await readCatalog(tx, tables) : work.catalog;
  const context = {
    owners: settings.owners,
    replayUntil,
    xid: locked.xid,
    deferred: way.deferred ?? (catalog.deferred.length > 0 ? catalog.deferred : null),
    deadline,
    recorder: progress?.pages,
    answers,
    catalog,
  };
  const before = part.kind === 'whole' ? page.events : page.events.slice(0, part.index);
  const move = async (to: bigint): Promise<void> => {
    await settings.failpoint?.('rows-written', projection.name);
    await moveTo(tx, settings, work, locked, to);
    await settings.failpoint?.('cursor-moved', projection.name);
  };
  const foldable = way.fold && context.deferred === null && part.kind === 'whole';
  const refused = foldable ? await foldPage(tx, projection, before, context) : null;
  const folded = foldable && refused === null;
  // Nothing has been written yet, so the transaction goes on.
  const compare = async (): Promise<void> => {
    if (!way.compare || folded || answers.ranSql) return;
    const [{ mark }] = await tx<[{ mark: string }]>`SELECT ${catalogMark(tx, tables)} AS mark`;
    if (mark !== catalog.mark) throw new CatalogMoved();
  };
  let to = page.to;
  let failed: Failed | null = null;
  if (part.kind === 'whole') {
    const end = async () => void (await Promise.all([compare(), move(to)]));
    if (folded) await end();
    else await runEvents(tx, projection, before, context, end);
  } else {
    await runEvents(tx, projection, before, context);
    failed = await settleFailure(tx, settings, work, part, context);
    to = lastPassed(page.events, part, failed)?.position ?? page.after;
    await Promise.all([compare(), move(to)]);
  }
  if (locked.hasFailures) await clearFailures(tx, projection.name, to);
  if (failed !== null) return { kind: 'failed', cursor: to, ...failed };
  if (locked.status === 'halted') {
    await tx`UPDATE projection_state SET status = 'running' WHERE name = ${projection.name} AND instance_id = ''`;
  }
  return part.kind === 'before'
    ? { kind: 'waiting', cursor: to, detail: part.detail }
    : {
        kind: 'applied',
        cursor: to,
        mode: folded ? 'folded' : 'in_order',
        ...(way.fresh && { catalog }),
        ...(foldable && { inOrder: refused === null ? null : { table: refused.table, because: refused.message } }),
      };
}

interface Failed {
  readonly failure: EventFailure;
  readonly attempts: number;
  readonly verdict: Verdict;
}

/** What became of the event that the part ends before: null where it was applied after all, or has nothing to do with it. */
async function settleFailure(
  tx: Tx,
  settings: PageSettings,
  { projection, page }: PageWork,
  part: Part,
  context: RunContext,
): Promise<Failed | null> {
  const suspect = part.kind === 'suspect' ? page.events[part.index] : undefined;
  const tried =
    suspect === undefined ? null : await trySuspect(tx, projection, suspect, page.events.indexOf(suspect), context);
  const failure = part.kind === 'given up' ? await settleGivenUp(tx, projection, page.events, part, context) : tried;
  if (failure === null) return null;
  return { failure, ...(await recordFailure(tx, projection.name, failure, settings.policy)) };
}

/**
 * An event that is not tried again, unless another projection has written the row that it lacked in the meantime.
 * @throws LookupWaits
 */
async function settleGivenUp(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  { index, failure, cause }: Extract<Part, { kind: 'given up' }>,
  context: RunContext,
): Promise<EventFailure | null> {
  const event = events[index];
  const parent = await referencedProjection(tx, projection, context.owners, cause);
  if (parent === null || event === undefined) return failure;
  if (parent.cursor < event.position) throw new DependencyNotReady(index, waitingText(parent, event.position));
  return await trySuspect(tx, projection, event, index, context);
}

/** The event that the cursor is to stand on. */
function lastPassed(
  events: readonly StoredEvent[],
  part: Exclude<Part, { kind: 'whole' }>,
  failed: Failed | null,
): StoredEvent | undefined {
  const applied = part.kind !== 'before' && failed === null;
  return events[applied || failed?.verdict === 'skip' ? part.index : part.index - 1];
}

async function lockRow(tx: Tx, settings: PageSettings, { projection: { name } }: PageWork): Promise<LockedState> {
  const { eventTimeoutMs } = settings.policy;
  // Not awaited: it travels with the next statement, which fails too if this does.
  void limitPage(tx, {
    applicationName: pageProgram(settings.owner, name),
    statementMs: Math.max(STATEMENT_MS, eventTimeoutMs),
    // Later than the event's own deadline, which knows whose fault it is.
    nextStatementMs: settings.nextStatementMs ?? Math.max(STATEMENT_MS, eventTimeoutMs) + 5000,
  }).catch(() => undefined);
  const locked = await lockState(tx, name).catch((error: unknown) => {
    throw isLockNotAvailable(error) ? new LockedByOther() : error;
  });
  if (locked === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
  return locked;
}

/** @throws EngineError TABLE_REPLACED: the page would write to a table that the projection has not filled */
function refuseReplaced(name: string, table: string | null): void {
  if (table !== null) throw new EngineError('TABLE_REPLACED', { name, table });
}

/** One statement of a page may take so long at least. */
const STATEMENT_MS = 10_000;

async function moveTo(tx: Tx, settings: PageSettings, work: PageWork, locked: LockedState, to: bigint): Promise<void> {
  if (to === work.cursor) return;
  const { page } = work;
  const { name } = work.projection;
  const whole = to === page.to;
  const { moved, sameTransaction, marksInStore, unbroken, replaced } = await advance(tx, {
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
  if (!marksInStore || (!unbroken && !(await areInStore(tx, allMarks(work, to)))))
    throw new EngineError('EVENTS_TAKEN_BACK', { name, to });
  // Once more: what the page has written keeps its name from then on, and may have got it since the row was locked.
  refuseReplaced(name, replaced);
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
