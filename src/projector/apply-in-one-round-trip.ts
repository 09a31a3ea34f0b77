import type { StoredEvent } from '../core/event.ts';
import { isConnectionLost } from '../postgres/errors.ts';
import { catalogMark } from '../read-model/catalog.ts';
import { catalogSqlOrFail } from '../read-model/catalog-sql.ts';
import type { SqlText } from '../read-model/write-sql.ts';
import { limitPage, pageProgram } from '../state/transaction-limits.ts';
import type { HandlerAnswers } from './handler-answers.ts';
import { pageMarks } from './page-marks.ts';
import type { PageOutcome } from './page-outcome.ts';
import { newestTime, type PageSettings, type PageWork } from './page-request.ts';
import { returnsStatements } from './statement-returning.ts';

/**
 * Applies a page in one round trip: it calls the handlers first, and then sends everything from BEGIN to COMMIT together.
 * The handlers of the page have to be known to return statements, without look-ups, and the row has to be running with
 * the cursor at the start of the page. For any other page, and for one that fails, the result is null: nothing was
 * changed, and the caller applies the page step by step, which finds the reason.
 *
 * Rejects if the connection is lost: the outcome is unknown.
 */
export async function applyInOneRoundTrip(
  settings: PageSettings,
  work: PageWork,
  answers: HandlerAnswers,
): Promise<PageOutcome | null> {
  const { catalog } = work;
  if (work.attempt || catalog.deferred.length > 0) return null;
  const writes = planWrites(work, answers);
  if (writes === null) return null;
  const { sql, checkpoints, owner, policy } = settings;
  const { projection, page, generation, progress } = work;
  const { name } = projection;
  const began = performance.now();
  try {
    await sql.singleRoundTrip('ISOLATION LEVEL READ COMMITTED', [
      limitPage(sql, {
        applicationName: pageProgram(owner, name),
        // All statements together take no longer than a page may: a page deadline would not know which session to end.
        statementMs: Math.ceil(policy.pageTimeoutMs / (writes.length + 2)),
        nextStatementMs: policy.pageTimeoutMs,
      }),
      checkpoints.hold(sql, name),
      ...writes,
      checkpoints.moveOrFail(sql, {
        name,
        from: work.cursor,
        to: page.to,
        generation,
        owner,
        newest: newestTime(work.newest ?? null, page.newest),
        knownTo: page.to,
        marks: pageMarks(work, page.to),
        unchanged: sql`${catalogMark(sql, [...projection.tables.keys()])} = ${catalog.mark}`,
      }),
    ]);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    return null;
  }
  // The results arrive together, so each statement gets an equal share of the time.
  const share = (performance.now() - began) / Math.max(1, writes.length);
  for (const { event } of writes) progress?.pages.statement(event.name, share);
  return { kind: 'applied', cursor: page.to, mode: 'at_once' };
}

interface PlannedWrite extends SqlText {
  readonly event: StoredEvent;
}

/** The writes of a page, in order; null if they are known only step by step, or if a handler throws. */
function planWrites(
  { projection, page, progress, catalog }: PageWork,
  answers: HandlerAnswers,
): readonly PlannedWrite[] | null {
  const handlers = page.events.map(({ name }) => projection.handlers.get(name));
  if (!handlers.every((handler) => handler === undefined || returnsStatements(handler))) return null;
  const writes: PlannedWrite[] = [];
  try {
    if (answers.ahead(page.events) !== null) return null;
    for (const event of page.events) {
      for (const statement of answers.statements(event)) {
        if (statement.kind === 'lookup' || !projection.tables.has(statement.table)) return null;
        writes.push({ ...catalogSqlOrFail(statement, catalog), event });
      }
    }
    return writes;
  } catch {
    return null;
  } finally {
    progress?.pages.handled();
  }
}
