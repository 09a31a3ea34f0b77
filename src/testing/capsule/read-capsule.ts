import { CAPSULE_VERSION, type Capsule, type CapsuleEvent } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { Projection } from '../../core/projection.ts';
import { deepFreeze, parseJson } from '../../postgres/json.ts';
import type { EventOf, TestEvent } from '../test-event.ts';

/**
 * Checks that a value is a failure snapshot of this projection.
 * @param value the content of the file, as `JSON.parse` returns it
 * @throws EngineError TEST_INVALID when the value is no snapshot of this version, belongs to another projection, or has a
 * payload that was cut off
 */
export function readCapsule(value: unknown, projection: Projection): Capsule {
  const capsule = value as Capsule;
  const version: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'capsule') : undefined;
  if (version !== CAPSULE_VERSION) throw invalid(`it is no capsule of version ${CAPSULE_VERSION}: export it again`);
  const { name } = capsule.projection;
  if (name !== projection.name) throw invalid(`the capsule is of '${name}', not of '${projection.name}'`);
  const { payload, payloadLength } = capsule.event;
  // PostgreSQL counts characters. `length` of JavaScript would count some characters twice.
  if ([...payload].length < payloadLength)
    throw invalid('the payload is too large for a capsule, which holds its beginning');
  return capsule;
}

/** The event as the daemon passed it to the handler. */
export function toStoredEvent(event: CapsuleEvent): StoredEvent {
  const { position, sequenceNo, payload, payloadLength: _, metadata, ...same } = event;
  return Object.freeze({
    ...same,
    position: BigInt(position),
    sequenceNo: BigInt(sequenceNo),
    tstamp: BigInt(Math.floor(Date.parse(event.occurredAt) / 1000)),
    payload: deepFreeze(parseJson(payload)),
    metadata: deepFreeze(parseJson(metadata) as StoredEvent['metadata']),
  });
}

/** The events of a failure snapshot for `given` and `when` of a test that is written by hand. */
export interface CapsuleEvents<P extends Projection> {
  /**
   * Earlier events of the same stream, and the events that the projection handled last, in order of position. The
   * snapshot holds a bounded number of them, so older events are missing.
   */
  readonly given: readonly TestEvent<EventOf<P>>[];
  readonly when: TestEvent<EventOf<P>>;
}

/** @throws EngineError TEST_INVALID as `replayCapsule` */
export function capsuleEvents<P extends Projection>(projection: P, value: unknown): CapsuleEvents<P> {
  const { event, stream, handledBefore } = readCapsule(value, projection);
  const whole = [...stream.before, ...handledBefore].filter((one) => one.payload.length >= one.payloadLength);
  const inOrder = [...new Map(whole.map((one) => [one.position, toStoredEvent(one)])).values()].sort((one, other) =>
    one.position < other.position ? -1 : 1,
  );
  const toTest = ({ position: _, tstamp: __, ...rest }: StoredEvent) => rest as TestEvent<EventOf<P>>;
  return { given: inOrder.map(toTest), when: toTest(toStoredEvent(event)) };
}

function invalid(reason: string): EngineError {
  return new EngineError('TEST_INVALID', { reason });
}
