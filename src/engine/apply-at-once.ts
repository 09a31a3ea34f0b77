import type { StoredEvent } from '../core/event.ts';
import { encodeJson } from '../store/json-columns.ts';
import { limitPage } from '../store/page-limits.ts';
import { isConnectionLost } from '../store/sqlstate.ts';
import { advanceOrFail, holdRow } from '../store/state.ts';
import { type SqlText, toSql } from '../store/statement-sql.ts';
import { planPage } from './fold/plan.ts';
import type { PageOutcome } from './outcome.ts';
import { pageMarks } from './page-marks.ts';
import { newestTime, type PageSettings, type PageWork } from './page-work.ts';
import { returnsStatements } from './statement-handlers.ts';

/**
 * Applies a page in one round trip: its handlers are asked first, then everything from BEGIN to COMMIT is sent at once.
 * That takes a page whose handlers are known to return statements, without look-ups, and a row that stands where the page begins with
 * nothing against it. Null for any other page and for one of which anything failed: nothing has happened then, and
 * whoever goes through it step by step sees what is in the way.
 *
 * Rejects when the connection was lost: the outcome is unknown.
 */
export async function applyAtOnce(settings: PageSettings, work: PageWork): Promise<PageOutcome | null> {
  if (work.attempt || work.deferred.length > 0) return null;
  const writes = planWrites(work);
  if (writes === null) return null;
  const { sql, owner, policy } = settings;
  const { projection, page, generation, progress } = work;
  const { name } = projection;
  const began = performance.now();
  try {
    await sql.atOnce('ISOLATION LEVEL READ COMMITTED', [
      limitPage(sql, {
        applicationName: `proj:${owner}:${name}`,
        // Together no longer than a page may take: the deadline of a page could not tell which session to end.
        statementMs: Math.ceil(policy.pageTimeoutMs / (writes.length + 2)),
        nextStatementMs: policy.pageTimeoutMs,
      }),
      holdRow(sql, name),
      ...writes,
      advanceOrFail(sql, {
        name,
        from: work.cursor,
        to: page.to,
        generation,
        owner,
        newest: newestTime(work.newest ?? null, page.newest),
        knownTo: page.to,
        marks: pageMarks(work, page.to),
      }),
    ]);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    return null;
  }
  // Answered together, so each of them gets its share.
  const share = (performance.now() - began) / Math.max(1, writes.length);
  for (const { event } of writes) progress?.pages.statement(event.name, share);
  return { kind: 'applied', cursor: page.to, mode: 'at_once' };
}

interface PlannedWrite extends SqlText {
  readonly event: StoredEvent;
}

/** What a page writes, in order; null where that is known only step by step, or a handler throws. */
function planWrites({ projection, page, replayUntil, progress, json }: PageWork): readonly PlannedWrite[] | null {
  const handlers = page.events.map(({ name }) => projection.handlers.get(name));
  if (!handlers.every((handler) => handler === undefined || returnsStatements(handler))) return null;
  const writes: PlannedWrite[] = [];
  try {
    const plan = planPage(projection, page.events, replayUntil, progress?.pages);
    for (const [index, event] of page.events.entries()) {
      for (const statement of plan[index]?.statements ?? []) {
        if (statement.kind === 'lookup' || !projection.tables.has(statement.table)) return null;
        writes.push({ ...toSql(encodeJson(statement, json)), event });
      }
    }
    return writes;
  } catch {
    return null;
  } finally {
    progress?.pages.handled();
  }
}
