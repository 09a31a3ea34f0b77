import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import { terminateSession } from '../postgres/backends.ts';
import { isTransient, sqlstateOf } from '../postgres/errors.ts';
import { catalogMark } from '../read-model/catalog.ts';
import { renewSuffix } from '../read-model/statement-suffix.ts';
import type { PendingHalt } from '../state/checkpoint-store.ts';
import { applyInOneRoundTrip } from './apply-in-one-round-trip.ts';
import { eventFailed } from './event-failure.ts';
import { CannotFold } from './fold/encode-write.ts';
import { HandlerAnswers } from './handler-answers.ts';
import { PageDeadline } from './page-deadline.ts';
import {
  CatalogMoved,
  DependencyNotReady,
  EventFailed,
  LockedByOther,
  type PageOutcome,
  PageTooSlow,
} from './page-outcome.ts';
import type { PageSettings, PageWork } from './page-request.ts';
import { applySlice, type ExecutionMode, type PageSlice } from './page-transaction.ts';

/**
 * Applies one page in one transaction: lock the row, run the events, compare-and-set the cursor, commit. A small page is
 * tried in one round trip first. A folded page that cannot be decided in memory is rolled back and run in order. When an
 * event fails, the transaction is rolled back and run again up to that event: the events before it commit, together with
 * the record of the failure. (With a savepoint per event every good page would pay for the failing one.)
 *
 * Rejects if the database is at fault. Then nothing was committed, or the outcome of the COMMIT is unknown: the row has to
 * be read again before the page is repeated.
 */
export async function applyPage(settings: PageSettings, work: PageWork): Promise<PageOutcome> {
  const answers = new HandlerAnswers(work.projection, work.replayUntil, work.progress?.pages);
  try {
    return await applyWith(settings, work, answers);
  } finally {
    answers.close();
  }
}

async function applyWith(settings: PageSettings, work: PageWork, answers: HandlerAnswers): Promise<PageOutcome> {
  let slice: PageSlice = { kind: 'whole' };
  let deferred = work.catalog.deferred.length > 0 ? work.catalog.deferred : null;
  // Folding costs one more round trip, which a few events do not save.
  let fold = deferred === null && work.page.events.length >= settings.foldFrom;
  let rereadCatalog = false;
  let catalogMoves = 0;
  if (settings.singleRoundTrip === true && !fold) {
    work.progress?.running();
    const applied = await applyInOneRoundTrip(settings, work, answers);
    if (applied !== null) return applied;
  }
  // Each round stops at an earlier event than the round before, or drops folding or another option, or commits.
  for (let round = 0; round <= work.page.events.length + 3 + CATALOG_MOVES; round++) {
    work.progress?.running();
    const deadline = createDeadline(settings);
    try {
      const compareCatalog = catalogMoves < CATALOG_MOVES;
      const mode = { fold, deferred, deadline, rereadCatalog, compareCatalog, answers };
      return await inTransaction(settings, work, slice, mode);
    } catch (caught) {
      await deadline.stop();
      // If the deadline has ended the session, the error of the driver only follows from that.
      const error = deadline.verdict ?? caught;
      if (error instanceof LockedByOther) return { kind: 'locked-by-other' };
      if (error instanceof PageTooSlow && work.page.events.length > 1) return { kind: 'too slow' };
      // A statement of the page exceeded its time limit; a page of the same size would exceed it again.
      if (sqlstateOf(error) === '57014' && work.page.events.length > 1) return { kind: 'too slow' };
      const halt = haltForLostIntegrity(error, work);
      if (halt !== null) return { kind: 'must halt', halt };
      const next = await nextSlice(error, deadline, { settings, work, rereadCatalog });
      if (error instanceof CatalogMoved || isEngineError(causeOf(error), 'ROWS_NOT_WRITTEN')) {
        renewSuffix([...work.projection.tables.keys()]);
      }
      // An outdated catalog may be the reason for the failure, so the next round reads it again.
      rereadCatalog = true;
      if (error instanceof CatalogMoved) {
        catalogMoves += 1;
        if (catalogMoves >= CATALOG_MOVES) fold = false;
        continue;
      }
      if (next !== null) slice = next;
      else if (error instanceof CannotFold) fold = false;
      else if (deferred === null && sqlstateOf(error) !== null && !isTransient(error)) {
        // COMMIT was refused by a deferred check. Checking after each event finds the event at fault.
        deferred = [];
        fold = false;
      } else throw error;
    }
  }
  throw new EngineError('CURSOR_MOVED', { name: work.projection.name });
}

function causeOf(error: unknown): unknown {
  return error instanceof EventFailed ? error.cause : error;
}

/** After so many changes of the tables during one page, the page is applied with the catalog that was read last. */
const CATALOG_MOVES = 3;

async function inTransaction(
  settings: PageSettings,
  work: PageWork,
  slice: PageSlice,
  mode: ExecutionMode,
): Promise<PageOutcome> {
  return await settings.sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
    try {
      return await applySlice(tx, settings, work, slice, mode);
    } finally {
      await mode.deadline.stop();
    }
  });
}

function createDeadline({ control, policy }: PageSettings): PageDeadline {
  return new PageDeadline({
    pageMs: policy.pageTimeoutMs,
    eventMs: policy.eventTimeoutMs,
    terminate: (pid) => terminateSession(control, pid),
  });
}

/** The slice of the next round, after an event could not be applied or has to wait; null: the error is no event's. */
async function nextSlice(
  error: unknown,
  deadline: PageDeadline,
  {
    settings,
    work,
    rereadCatalog,
  }: { readonly settings: PageSettings; readonly work: PageWork; readonly rereadCatalog: boolean },
): Promise<PageSlice | null> {
  const { page } = work;
  if (error instanceof DependencyNotReady) return { kind: 'before-waiting', index: error.index, detail: error.message };
  if (error instanceof EventFailed) {
    const { index, failure, cause, isFinal } = error;
    const final = isFinal && (rereadCatalog || !(await hasMoved(settings, work)));
    // An event that has exceeded its deadline is not tried again, since it would take as long again.
    return deadline.verdict === null && !final
      ? { kind: 'retry-failed', index }
      : { kind: 'record-failed', index, failure, cause };
  }
  const [event] = page.events;
  if (!(error instanceof PageTooSlow) || event === undefined) return null;
  const late = new EngineError('HANDLER_TIMEOUT', { event: event.name, ms: error.ms });
  return { kind: 'record-failed', index: 0, failure: eventFailed(late, 0, event).failure, cause: late };
}

/** Whether the tables have changed since the catalog was read, which may be the reason for a failed statement. */
async function hasMoved({ sql }: PageSettings, { projection, catalog }: PageWork): Promise<boolean> {
  const [{ mark }] = await sql<[{ mark: string }]>`SELECT ${catalogMark(sql, [...projection.tables.keys()])} AS mark`;
  return mark !== catalog.mark;
}

/**
 * The halt after a handler has committed the transaction itself: its rows are stored although the cursor has not moved,
 * and no further run can find that out. The alarm is cleared by a RESET only; a RESET in between makes the halt void. If
 * it was found at the end of the page, any event may be the cause, and the failure names the first one.
 * @returns null for any other error
 */
function haltForLostIntegrity(error: unknown, { page, generation }: PageWork): PendingHalt | null {
  const [first] = page.events;
  const failed = error instanceof EventFailed ? error : first === undefined ? null : eventFailed(error, 0, first);
  if (failed === null || !isEngineError(failed.cause, 'HANDLER_ENDED_TRANSACTION')) return null;
  return { failure: failed.failure, alarm: describeError(failed.cause), at: { cursor: null, generation } };
}
