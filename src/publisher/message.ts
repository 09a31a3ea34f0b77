import type { StoredEvent } from '../core/event.ts';
import { stringifyJson } from '../store/json.ts';

/** One event as it goes to the exchange. */
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
    readonly timestamp: number;
    readonly headers: { readonly position: string; readonly previous: string };
  };
}

/** AMQP's short strings: routing key, type. */
const SHORT_BYTES = 255;

/**
 * @param previous position of the event sent before this one, so that who takes everything sees a gap
 * @returns the reason, in words, where AMQP cannot carry it
 */
export function toMessage(event: StoredEvent, previous: bigint): Message | string {
  const routingKey = `${event.aggregateName}.${event.name}`;
  if (Buffer.byteLength(routingKey) > SHORT_BYTES)
    return `its routing key, aggregate name and event name, has more than ${SHORT_BYTES} bytes`;
  const position = String(event.position);
  return {
    position: event.position,
    routingKey,
    content: Buffer.from(
      stringifyJson({ ...event, position, sequenceNo: plain(event.sequenceNo), tstamp: plain(event.tstamp) }),
    ),
    properties: {
      persistent: true,
      messageId: event.id,
      type: event.name,
      contentType: 'application/json',
      timestamp: Number(event.tstamp),
      headers: { position, previous: String(previous) },
    },
  };
}

/** A number where that is exact. */
function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
