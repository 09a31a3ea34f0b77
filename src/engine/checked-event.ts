import { checkPayload } from '../core/check-payload.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import { deepFreeze } from '../store/json.ts';

/**
 * The event as its handler gets it: with a schema for its type, the payload is what that makes of it, frozen as well.
 * @throws EngineError PAYLOAD_INVALID, PAYLOAD_UNCHECKED
 */
export function checkedEvent(projection: Projection, event: StoredEvent): StoredEvent {
  const schema = projection.events.get(event.name);
  if (schema === undefined) return event;
  const payload = checkPayload(event.name, schema, event.payload);
  return payload === event.payload ? event : Object.freeze({ ...event, payload: deepFreeze(payload) });
}
