import type { NewEvent } from '../core/event.ts';
import type { EventShape, Projection } from '../core/projection.ts';

/** The events that a projection was declared with. */
export type EventOf<P extends Projection> = P extends Projection<infer E> ? E : never;

/**
 * An event in a test: `name` and `payload` (by default `{}`, where the type allows it), and any other field that the test
 * depends on. A field that is left out gets the same value in every run:
 * `aggregateName` 'Test'; `aggregateId` '00000000-0000-4000-8000-000000000000'; `sequenceNo` the next of its stream, from
 * 1; `occurredAt` one second after the event before it, from 2026-01-01T00:00:01Z; `id` a UUID that ends in the number of
 * the event within the test.
 */
export type TestEvent<E extends EventShape = EventShape> = E extends EventShape
  ? { readonly name: E['name'] } & PayloadOf<E['payload']> & Partial<Omit<NewEvent, 'name' | 'payload'>>
  : never;

type PayloadOf<P> = Record<never, never> extends P ? { readonly payload?: P } : { readonly payload: P };

/** An event with all fields. */
export type CompleteEvent = Required<NewEvent>;

const START = Date.UTC(2026, 0, 1);
const STREAM = '00000000-0000-4000-8000-000000000000';

/** Returns a function that fills in the missing fields of one test's events. It is called once per event, in order. */
export function createCompletion(): (event: TestEvent) => CompleteEvent {
  const lengths = new Map<string, bigint>();
  let count = 0;
  return (event) => {
    count += 1;
    const { aggregateName = 'Test', aggregateId = STREAM, instanceId = '' } = event;
    const stream = JSON.stringify([instanceId, aggregateName, aggregateId]);
    const sequenceNo = event.sequenceNo ?? (lengths.get(stream) ?? 0n) + 1n;
    lengths.set(stream, BigInt(sequenceNo));
    return {
      id: `00000000-0000-4000-9000-${String(count).padStart(12, '0')}`,
      occurredAt: `${new Date(START + count * 1000).toISOString().slice(0, 19)}.000000Z`,
      metadata: {},
      payload: {},
      ...event,
      instanceId,
      aggregateName,
      aggregateId,
      sequenceNo,
    };
  };
}
