import { checkPayload } from '../core/check-payload.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import { deepFreeze } from '../postgres/json.ts';

/**
 * The event as its handler gets it: with a schema for its type, the payload is what that makes of it, frozen as well.
 * @throws EngineError PAYLOAD_INVALID, PAYLOAD_UNCHECKED
 */
export function checkedEvent(projection: Projection, event: StoredEvent): StoredEvent {
  const schema = projection.events.get(event.name);
  if (schema === undefined) return event;
  const payload = checkPayload(event.name, schema, event.payload);
  if (payload === event.payload) return event;
  // Written out: a copy by spreading costs several times as much, for every event there is.
  return Object.freeze({
    position: event.position,
    id: event.id,
    instanceId: event.instanceId,
    aggregateName: event.aggregateName,
    aggregateId: event.aggregateId,
    sequenceNo: event.sequenceNo,
    name: event.name,
    occurredAt: event.occurredAt,
    tstamp: event.tstamp,
    payload: deepFreeze(payload),
    metadata: event.metadata,
  } satisfies StoredEvent);
}
