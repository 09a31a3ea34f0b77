import { describeError } from '../core/describe-error.ts';
import { isEngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Write } from '../core/statement.ts';
import { columnOf, isTransient, sqlstateOf } from '../postgres/errors.ts';
import { writeDefinition } from '../read-model/statements/statement-registry.ts';
import { DependencyNotReady, EventFailed } from './page-outcome.ts';

/** What the database cannot do now is not the event's fault and passes through as it is. */
export function toEventFailed(
  error: unknown,
  index: number,
  event: StoredEvent,
  statement: string | null,
  advice: string | null = null,
): Error {
  if (error instanceof EventFailed || error instanceof DependencyNotReady) return error;
  if (error instanceof Error && isTransient(error)) return error;
  return eventFailed(error, index, event, statement, advice);
}

export function eventFailed(
  error: unknown,
  index: number,
  event: StoredEvent,
  statement: string | null = null,
  advice: string | null = null,
): EventFailed {
  const failure = {
    position: event.position,
    eventId: event.id,
    eventName: event.name,
    aggregateName: event.aggregateName,
    aggregateId: event.aggregateId,
    sequenceNo: event.sequenceNo,
    occurredAt: event.occurredAt,
    error: advice === null ? describeError(error) : `${describeError(error)}; ${advice}`,
    sqlstate: sqlstateOf(error) ?? (isEngineError(error) ? sqlstateOf(error.cause) : null),
    code: isEngineError(error) ? error.code : null,
    statement,
  };
  return new EventFailed(index, failure, error);
}

const NOT_NULL_VIOLATION = '23502';

/** What the kind of the statement advises about this error; null for nothing beyond PostgreSQL's own message. */
export function adviceOn(error: unknown, write: Write): string | null {
  if (sqlstateOf(error) !== NOT_NULL_VIOLATION) return null;
  const column = columnOf(error);
  return column === null ? null : (writeDefinition(write).adviceOnNull?.(write, column) ?? null);
}
