import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import { deepFreeze, parseJson, stringifyJson } from '../postgres/json.ts';
import { utcText } from '../read-model/plain-value.ts';
import type { CompleteEvent } from './test-event.ts';

/** The event as the event store returns it: the payload passed through JSON, the time has microseconds, everything is frozen. */
export function toStored(event: CompleteEvent, position: bigint): StoredEvent {
  const occurredAt = utcText(event.occurredAt);
  const milliseconds = Date.parse(event.occurredAt);
  if (!occurredAt.endsWith('Z') || Number.isNaN(milliseconds)) {
    throw new EngineError('APPEND_INVALID', {
      reason: `'${event.occurredAt}' is not a time like 2026-03-01T19:00:00Z`,
    });
  }
  return Object.freeze({
    ...event,
    position,
    sequenceNo: BigInt(event.sequenceNo),
    occurredAt,
    tstamp: BigInt(Math.floor(milliseconds / 1000)),
    payload: deepFreeze(parseJson(stringifyJson(event.payload))),
    metadata: deepFreeze({ ...event.metadata }),
  });
}
