import { isEngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import { isTransient, sqlstateOf } from '../store/sqlstate.ts';
import type { SqlText } from '../store/statement-sql.ts';
import { EventFailed, LookupWaits } from './outcome.ts';

/** What the database cannot do now is not the event's fault and passes through as it is. */
export function toEventFailed(error: unknown, index: number, event: StoredEvent, sql: SqlText | null): Error {
  if (error instanceof EventFailed || error instanceof LookupWaits) return error;
  if (error instanceof Error && isTransient(error)) return error;
  const failure = {
    position: event.position,
    eventId: event.id,
    eventName: event.name,
    error: describeError(error),
    sqlstate: sqlstateOf(error) ?? (isEngineError(error) ? sqlstateOf(error.cause) : null),
    statement: sql?.text ?? null,
  };
  return new EventFailed(index, failure, error);
}

/** Anything can be thrown: undefined, a frozen object, 100 MB of text. */
export function describeError(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? (error.message === '' ? error.name : error.message) : String(error);
  } catch {
    text = 'an error that cannot be shown';
  }
  // NUL cannot be stored in a text column, and this must be.
  return text.replaceAll('\u0000', '\\u0000').slice(0, 4000);
}
