import type { RawEvent } from '../event-store/read.ts';

/** One event as it is sent to the exchange. */
export interface Message {
  readonly position: bigint;
  /** `<aggregate name>.<event name>`. */
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: {
    readonly persistent: true;
    readonly messageId: string;
    readonly type: string;
    readonly contentType: 'application/json';
    /** Left out for times before 1970, which AMQP cannot carry. The body always has the time. */
    readonly timestamp?: number;
    readonly headers: { readonly position: string; readonly previous: string };
  };
}

/** Greatest length of AMQP's short strings: routing key, type. */
const SHORT_BYTES = 255;

/**
 * @param previous position of the event sent before this one, so that a consumer of all events sees a gap
 * @returns the message, or the reason, in words, why AMQP cannot carry the event
 */
export function toMessage(event: RawEvent, previous: bigint): Message | string {
  const routingKey = `${event.aggregateName}.${event.name}`;
  if (Buffer.byteLength(routingKey) > SHORT_BYTES)
    return `its routing key, aggregate name and event name, has more than ${SHORT_BYTES} bytes`;
  const position = String(event.position);
  return {
    position: event.position,
    routingKey,
    content: Buffer.from(toJson(event)),
    properties: {
      persistent: true,
      messageId: event.id,
      type: event.name,
      contentType: 'application/json',
      ...(isTimestamp(event.tstamp) && { timestamp: Number(event.tstamp) }),
      headers: { position, previous: String(previous) },
    },
  };
}

/** AMQP's timestamps are unsigned; the driver throws for a negative one and rounds one above 2^53. */
function isTimestamp(seconds: bigint): boolean {
  return seconds >= 0n && seconds <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** Payload and metadata as PostgreSQL writes them: JavaScript would change a number like 0.10 or 10^20. */
function toJson(event: RawEvent): string {
  const { position, id, instanceId, aggregateName, aggregateId, sequenceNo, name, occurredAt, tstamp } = event;
  const texts = JSON.stringify({ position: String(position), id, instanceId, aggregateName, aggregateId });
  const more = JSON.stringify({ name, occurredAt });
  const json = `"tstamp":${tstamp},"payload":${event.payload},"metadata":${event.metadata}`;
  return `${texts.slice(0, -1)},"sequenceNo":${sequenceNo},${more.slice(1, -1)},${json}}`;
}
