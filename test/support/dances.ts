import { AGGREGATE_OF } from '../../examples/dancefinder/aggregates.ts';
import type { DanceEventName, PayloadOf } from '../../examples/dancefinder/events.ts';
import type { NewEvent } from '../../src/index.ts';

let sequenceNo = 0;

/** A UUID that contains its number: `uuid(7)`. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** A DanceFinder event with the next sequence number of its stream. */
export function dance<Name extends DanceEventName>(
  name: Name,
  aggregateId: string,
  payload: PayloadOf<Name>,
  more: Partial<NewEvent> = {},
): NewEvent {
  sequenceNo += 1;
  return { aggregateName: AGGREGATE_OF[name], aggregateId, sequenceNo, name, payload, ...more };
}
