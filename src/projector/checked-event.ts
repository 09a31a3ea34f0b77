import { checkPayload } from '../core/check-payload.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import { deepFreeze } from '../postgres/json.ts';

/**
 * The event that its handler gets. If its type has a schema, the payload is the result of the schema, frozen too.
 * @throws EngineError PAYLOAD_INVALID, PAYLOAD_UNCHECKED
 */
export function checkedEvent(projection: Projection, event: StoredEvent): StoredEvent {
  const schema = projection.events.get(event.name);
  if (schema === undefined) return event;
  const payload = checkPayload(event.name, schema, event.payload);
  if (payload === event.payload) return event;
  // Each field is named: a copy by spreading costs several times as much, for every event.
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
