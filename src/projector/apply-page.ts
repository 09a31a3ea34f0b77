import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import { terminateSession } from '../postgres/backends.ts';
import { isTransient, sqlstateOf } from '../postgres/errors.ts';
import { catalogMark } from '../read-model/catalog.ts';
import { renewSuffix } from '../read-model/statement-suffix.ts';
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
  type PendingHalt,
} from './page-outcome.ts';
import type { PageSettings, PageWork } from './page-request.ts';
import { applyPart, type Part, type Way } from './page-transaction.ts';

/**
 * Applies one page in one transaction: lock the row, run the events, compare-and-set the cursor, commit. A small page
 * tries that in one round trip first. A folded page that cannot be decided in memory is rolled back and run in order.
 * When an event fails, the transaction is rolled back and run again up to it: what precedes it commits, together with
 * the record of the failure. (A savepoint per event would make every good page pay for the bad one.)
 *
 * Rejects when the database is at fault; then nothing was committed, or the commit's outcome is unknown and reading the
 * row again tells. Never repeat a page after that without reading the row.
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
  let part: Part = { kind: 'whole' };
  let deferred = work.catalog.deferred.length > 0 ? work.catalog.deferred : null;
  // Folding costs one more round trip, which a handful of events does not earn back.
  let fold = deferred === null && work.page.events.length >= settings.foldFrom;
  let fresh = false;
  let moves = 0;
  if (settings.singleRoundTrip === true && !fold) {
    work.progress?.running();
    const applied = await applyInOneRoundTrip(settings, work, answers);
    if (applied !== null) return applied;
  }
  // Each round stops at an earlier event than the last one, or gives up something, or commits.
  for (let round = 0; round <= work.page.events.length + 3 + CATALOG_MOVES; round++) {
    work.progress?.running();
    const deadline = createDeadline(settings);
    try {
      const way = { fold, deferred, deadline, fresh, compare: moves < CATALOG_MOVES, answers };
      return await inTransaction(settings, work, part, way);
    } catch (caught) {
      await deadline.stop();
      // A session that was ended by the deadline says so in its own way: what counts is why.
      const error = deadline.verdict ?? caught;
      if (error instanceof LockedByOther) return { kind: 'locked-by-other' };
      if (error instanceof PageTooSlow && work.page.events.length > 1) return { kind: 'too slow' };
      // A statement of the whole page ran into its limit, as a page of the same size would again.
      if (sqlstateOf(error) === '57014' && work.page.events.length > 1) return { kind: 'too slow' };
      const halt = haltForLostIntegrity(error, work);
      if (halt !== null) return { kind: 'must halt', halt };
      const next = await nextPart(error, deadline, { settings, work, fresh });
      if (error instanceof CatalogMoved || isEngineError(causeOf(error), 'ROWS_NOT_WRITTEN')) {
        renewSuffix([...work.projection.tables.keys()]);
      }
      // What the catalog said may be why it failed: the next round asks it itself.
      fresh = true;
      if (error instanceof CatalogMoved) {
        moves += 1;
        if (moves >= CATALOG_MOVES) fold = false;
        continue;
      }
      if (next !== null) part = next;
      else if (error instanceof CannotFold) fold = false;
      else if (deferred === null && sqlstateOf(error) !== null && !isTransient(error)) {
        // COMMIT itself was refused: something was checked only then. Check after each event, to find the one at fault.
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

/** Tables may change so often under one page; then it is applied by what was read last. */
const CATALOG_MOVES = 3;

async function inTransaction(settings: PageSettings, work: PageWork, part: Part, way: Way): Promise<PageOutcome> {
  return await settings.sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
    try {
      return await applyPart(tx, settings, work, part, way);
    } finally {
      await way.deadline.stop();
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

/** What is left to do of the page when an event could not be applied, or has to wait. */
async function nextPart(
  error: unknown,
  deadline: PageDeadline,
  { settings, work, fresh }: { readonly settings: PageSettings; readonly work: PageWork; readonly fresh: boolean },
): Promise<Part | null> {
  const { page } = work;
  if (error instanceof DependencyNotReady) return { kind: 'before', index: error.index, detail: error.message };
  if (error instanceof EventFailed) {
    const { index, failure, cause, isFinal } = error;
    // What has run into its deadline would take as long again.
    const final = isFinal && (fresh || !(await hasMoved(settings, work)));
    return deadline.verdict === null && !final
      ? { kind: 'suspect', index }
      : { kind: 'given up', index, failure, cause };
  }
  const [event] = page.events;
  if (!(error instanceof PageTooSlow) || event === undefined) return null;
  const late = new EngineError('HANDLER_TIMEOUT', { event: event.name, ms: error.ms });
  return { kind: 'given up', index: 0, failure: eventFailed(late, 0, event).failure, cause: late };
}

/** Whether the tables are no longer what was read of them: then a statement may have failed by that alone. */
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
