import type { DanceEventName, PayloadOf } from '../../examples/dancefinder/events.ts';
import type { HistoryEvent } from '../../examples/dancefinder/history.ts';
import type { HandlerContext, Projection, Statement, StoredEvent } from '../../src/index.ts';

/** A new event as the store would give it back. */
export function asStored(event: HistoryEvent, position: number): StoredEvent {
  return {
    ...event,
    position: BigInt(position),
    instanceId: '',
    sequenceNo: BigInt(event.sequenceNo),
    tstamp: BigInt(Math.floor(Date.parse(event.occurredAt) / 1000)),
    metadata: {},
  };
}

/** One event of a stream whose other fields do not matter. */
export function danceEvent<Name extends DanceEventName>(
  name: Name,
  payload: PayloadOf<Name>,
  given: { readonly aggregateId?: string; readonly occurredAt?: string } = {},
): StoredEvent {
  const event = {
    id: '00000000-0000-4000-8000-000000000000',
    aggregateName: 'domain.Any',
    aggregateId: given.aggregateId ?? 'a1',
    sequenceNo: 1,
    name,
    occurredAt: given.occurredAt ?? '2026-03-01T19:00:00.123456Z',
    payload,
  };
  return asStored(event, 1);
}

const CONTEXT: HandlerContext = {
  tx: () => {
    throw new Error('this handler runs no SQL of its own');
  },
  replaying: false,
};

/** What the projection wants done about the event, as a list. */
export function statementsFor(projection: Projection, event: StoredEvent): readonly Statement[] {
  const handler = projection.handlers.get(event.name);
  if (handler === undefined) return [];
  return listed(handler(event, CONTEXT));
}

function listed(result: Statement | readonly Statement[] | Promise<void>): readonly Statement[] {
  if (result instanceof Promise) throw new Error('this handler is not expected to be async');
  return 'kind' in result ? [result] : result;
}
