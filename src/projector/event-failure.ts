import { describeError } from '../core/describe-error.ts';
import { isEngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import { columnOf, isTransient, sqlstateOf } from '../postgres/errors.ts';
import type { Write } from '../read-model/write-sql.ts';
import { DependencyNotReady, EventFailed } from './page-outcome.ts';

/** Makes an error the failure of its event. A transient error of the database is not the event's, and stays as it is. */
export function toEventFailed(
  error: unknown,
  index: number,
  event: StoredEvent,
  statement: string | null,
  hint: string | null = null,
): Error {
  if (error instanceof EventFailed || error instanceof DependencyNotReady) return error;
  if (error instanceof Error && isTransient(error)) return error;
  return eventFailed(error, index, event, statement, hint);
}

export function eventFailed(
  error: unknown,
  index: number,
  event: StoredEvent,
  statement: string | null = null,
  hint: string | null = null,
): EventFailed {
  const failure = {
    position: event.position,
    eventId: event.id,
    eventName: event.name,
    aggregateName: event.aggregateName,
    aggregateId: event.aggregateId,
    sequenceNo: event.sequenceNo,
    occurredAt: event.occurredAt,
    error: hint === null ? describeError(error) : `${describeError(error)}; ${hint}`,
    sqlstate: sqlstateOf(error) ?? (isEngineError(error) ? sqlstateOf(error.cause) : null),
    code: isEngineError(error) ? error.code : null,
    statement,
  };
  return new EventFailed(index, failure, error);
}

const NOT_NULL_VIOLATION = '23502';

/**
 * A hint for an upsert of some columns. PostgreSQL checks the whole new row before it looks for an existing one, so such
 * an upsert fails also if its row exists.
 */
export function hintOf(error: unknown, write: Write): string | null {
  if (write.kind !== 'upsert' || sqlstateOf(error) !== NOT_NULL_VIOLATION) return null;
  const column = columnOf(error);
  if (column === null || Object.hasOwn(write.values, column)) return null;
  return `this upsert leaves out '${column}', which the row needs if it has to be made: give it, or use update(…) for a row that is there`;
}
