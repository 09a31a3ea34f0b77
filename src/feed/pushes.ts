import type { Channel } from 'amqp-connection-manager';
import { type Observable, Subject } from 'rxjs';
import { type LinkOptions, openLink } from '../broker/connection.ts';
import type { BrokerEvent } from '../core/broker.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Push, readPush } from './push.ts';

export interface PushOptions extends LinkOptions {
  /** Durable topic exchange; declared if it is not there. */
  readonly exchange: string;
  /** Names of the events that the projections handle. */
  readonly eventNames: readonly string[];
}

/** What RabbitMQ pushes to this daemon. */
export interface Pushes {
  readonly link$: Observable<BrokerEvent>;
  /** Every message, as soon as it is here, one by one: conflate it. */
  readonly push$: Observable<Push>;
  /** Takes the queue with it. */
  close(): Promise<void>;
}

/**
 * Messages under way to this process, and milliseconds between acks: 1250 a second at most. A flood is held back at the
 * broker, which drops the older ones, and leaves the event loop to the projections.
 */
const PREFETCH = 25;
const ACK_MS = 20;
/**
 * What waits while this process is busy or paused; older ones are dropped. One hint says as much as a thousand, and a
 * queue that grew would only tire the broker.
 */
const QUEUE_LIMITS = { maxLength: 1000, arguments: { 'x-overflow': 'drop-head', 'x-max-length-bytes': 8_000_000 } };
/** Of a routing key, by the protocol. */
const MAX_KEY_BYTES = 255;

/** Begins to connect and consume at once. Never throws, never rejects: without a broker there are no pushes. */
export function openPushes(options: PushOptions): Pushes {
  const { exchange, eventNames, clock = systemClock } = options;
  const push = new Subject<Push>();
  const link = openLink(options);
  link.openChannel(
    async (channel, again) => {
      await channel.prefetch(PREFETCH);
      await channel.assertExchange(exchange, 'topic', { durable: true });
      // Named by the server and exclusive: it is this connection's, and gone with it.
      const { queue } = await channel.assertQueue('', {
        exclusive: true,
        autoDelete: true,
        durable: false,
        ...QUEUE_LIMITS,
      });
      await Promise.all(bindingKeys(eventNames).map((key) => channel.bindQueue(queue, exchange, key)));
      const ack = acknowledger(channel, clock);
      await channel.consume(queue, (message) => {
        if (message === null) return again('the queue of this daemon was deleted');
        ack(message);
        const { content, fields, properties } = message;
        push.next(readPush({ content, exchange: fields.exchange, headers: properties.headers }, exchange));
      });
    },
    { confirm: false },
  );
  return { link$: link.events$, push$: push.asObservable(), close: () => link.close() };
}

/**
 * Keys are `<aggregate name>.<event name>`, and an aggregate name has dots of its own. An event whose name no routing key
 * can hold is never pushed; the schedule finds it.
 */
export function bindingKeys(eventNames: readonly string[]): readonly string[] {
  return [...new Set(eventNames)].map((name) => `#.${name}`).filter((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES);
}

type Delivery = Parameters<Channel['ack']>[0];

/**
 * Everything is acked, whatever it is: what is given back would be sent again, thousands of times a second. One ack for
 * all that came within a few milliseconds.
 */
export function acknowledger(channel: Pick<Channel, 'ack'>, clock: Clock): (message: Delivery) => void {
  let last: Delivery | null = null;
  const flush = (): void => {
    const message = last;
    last = null;
    if (message === null) return;
    try {
      channel.ack(message, true);
    } catch {
      // The channel has gone since, and what it had delivered with it; the next channel has a queue of its own.
    }
  };
  return (message) => {
    if (last === null) clock.later(ACK_MS, flush);
    last = message;
  };
}
