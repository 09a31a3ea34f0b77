import { describeError } from '../core/describe-error.ts';
import { isEngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import { isTransient, sqlstateOf } from '../store/sqlstate.ts';
import { EventFailed, LookupWaits } from './outcome.ts';

/** What the database cannot do now is not the event's fault and passes through as it is. */
export function toEventFailed(error: unknown, index: number, event: StoredEvent, statement: string | null): Error {
  if (error instanceof EventFailed || error instanceof LookupWaits) return error;
  if (error instanceof Error && isTransient(error)) return error;
  return eventFailed(error, index, event, statement);
}

export function eventFailed(
  error: unknown,
  index: number,
  event: StoredEvent,
  statement: string | null = null,
): EventFailed {
  const failure = {
    position: event.position,
    eventId: event.id,
    eventName: event.name,
    error: describeError(error),
    sqlstate: sqlstateOf(error) ?? (isEngineError(error) ? sqlstateOf(error.cause) : null),
    code: isEngineError(error) ? error.code : null,
    statement,
  };
  return new EventFailed(index, failure, error);
}
