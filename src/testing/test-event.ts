import type { NewEvent } from '../core/event.ts';
import type { EventShape, Projection } from '../core/projection.ts';

/** The events that a projection was declared with. */
export type EventOf<P extends Projection> = P extends Projection<infer E> ? E : never;

/**
 * An event in a test: `name` and `payload` (left out, it is `{}`, where that is one), and whatever else matters. What
 * does not matter gets the same value in every run:
 * `aggregateName` 'Test'; `aggregateId` '00000000-0000-4000-8000-000000000000'; `sequenceNo` the next of its stream, from
 * 1; `occurredAt` one second after the event before it, from 2026-01-01T00:00:01Z; `id` a UUID that ends in its number.
 */
export type TestEvent<E extends EventShape = EventShape> = E extends EventShape
  ? { readonly name: E['name'] } & PayloadOf<E['payload']> & Partial<Omit<NewEvent, 'name' | 'payload'>>
  : never;

type PayloadOf<P> = Record<never, never> extends P ? { readonly payload?: P } : { readonly payload: P };

/** An event with nothing left out. */
export type CompleteEvent = Required<NewEvent>;

const START = Date.UTC(2026, 0, 1);
const STREAM = '00000000-0000-4000-8000-000000000000';

/** Completes the events of one test, in their order: each call gives the next one. */
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
