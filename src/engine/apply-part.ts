import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import type { Tx } from '../store/connect.ts';
import { clearFailures, type EventFailure, recordFailure } from '../store/failures.ts';
import { limitPage } from '../store/page-limits.ts';
import { isLockNotAvailable } from '../store/sqlstate.ts';
import { advance, type LockedState, lockState } from '../store/state.ts';
import { foldPage } from './fold/fold-page.ts';
import { waitingText } from './lookups.ts';
import { EventFailed, HeldElsewhere, LookupWaits, type PageOutcome } from './outcome.ts';
import type { PageDeadline } from './page-deadline.ts';
import type { PageSettings, PageWork } from './page-work.ts';
import { referencedProjection } from './references.ts';
import { type RunContext, runEvents } from './run-events.ts';

/** Which part of the page a transaction takes on. */
export type Part =
  | { readonly kind: 'whole' }
  /** Everything before the event that failed, then that event under a savepoint. */
  | { readonly kind: 'suspect'; readonly index: number }
  /** Everything before the event that failed and is not to be tried again now. */
  | { readonly kind: 'given up'; readonly index: number; readonly failure: EventFailure }
  /** Everything before the event whose look-up waits. */
  | { readonly kind: 'before'; readonly index: number; readonly detail: string };

/** How the events of a part are run. */
export interface Way {
  /** As set-based statements; else event by event. */
  readonly fold: boolean;
  /** Constraints that every event is checked against at its end. Null: there are none. */
  readonly deferred: readonly string[] | null;
  readonly deadline: PageDeadline;
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
  await settings.failpoint?.('locked', projection.name);

  const { replayUntil, json } = work;
  const { deferred, deadline } = way;
  const context = { owners: settings.owners, replayUntil, xid: locked.xid, deferred, json, deadline };
  const before = part.kind === 'whole' ? page.events : page.events.slice(0, part.index);
  await (way.fold ? foldPage : runEvents)(tx, projection, before, context);
  const suspect = part.kind === 'suspect' ? page.events[part.index] : undefined;
  const failure =
    part.kind === 'given up'
      ? part.failure
      : suspect === undefined
        ? null
        : await trySuspect(tx, projection, suspect, before.length, context);
  await settings.failpoint?.('rows-written', projection.name);

  const recorded = failure === null ? null : await recordFailure(tx, projection.name, failure, settings.policy);
  const passed = failure === null ? suspect : recorded?.verdict === 'skip' ? failure : undefined;
  const to = part.kind === 'whole' ? page.to : ((passed ?? before.at(-1))?.position ?? work.cursor);
  await moveTo(tx, settings, work, locked, to);
  await settings.failpoint?.('cursor-moved', projection.name);
  if (locked.hasFailures) await clearFailures(tx, projection.name, to);
  if (failure !== null && recorded !== null) return { kind: 'failed', cursor: to, failure, ...recorded };
  if (locked.status === 'halted') {
    await tx`UPDATE projection_state SET status = 'running' WHERE name = ${projection.name} AND instance_id = ''`;
  }
  return part.kind === 'before'
    ? { kind: 'waiting', cursor: to, detail: part.detail }
    : { kind: 'applied', cursor: to, folded: way.fold };
}

async function lockRow(tx: Tx, settings: PageSettings, { projection: { name } }: PageWork): Promise<LockedState> {
  const { eventTimeoutMs } = settings.policy;
  // Not awaited: it travels with the next statement, which fails too if this does.
  void limitPage(tx, {
    applicationName: `proj:${settings.owner}:${name}`,
    statementMs: Math.max(STATEMENT_MS, eventTimeoutMs),
    // Later than the event's own deadline, which knows whose fault it is.
    nextStatementMs: settings.nextStatementMs ?? Math.max(STATEMENT_MS, eventTimeoutMs) + 5000,
  }).catch(() => undefined);
  const locked = await lockState(tx, name).catch((error: unknown) => {
    throw isLockNotAvailable(error) ? new HeldElsewhere() : error;
  });
  if (locked === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
  return locked;
}

/** One statement of a page may take so long at least. */
const STATEMENT_MS = 10_000;

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
      if (parent.cursor < event.position) throw new LookupWaits(index, waitingText(parent, event.position));
    }
  }
}
