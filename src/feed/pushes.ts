import type { Channel } from 'amqp-connection-manager';
import { type Observable, Subject } from 'rxjs';
import { type LinkOptions, openLink } from '../broker/connection.ts';
import type { BrokerEvent } from '../core/broker.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Push, readPush } from './push.ts';

export interface PushOptions extends LinkOptions {
  /** Durable topic exchange; declared if it does not exist. */
  readonly exchange: string;
  /** Names of the events that the projections handle. */
  readonly eventNames: readonly string[];
}

/** The messages that RabbitMQ pushes to this daemon. */
export interface Pushes {
  readonly link$: Observable<BrokerEvent>;
  /** Every message as soon as it arrives. The consumer has to conflate them. */
  readonly push$: Observable<Push>;
  /** The queue is deleted with the connection. */
  close(): Promise<void>;
}

/**
 * Messages delivered and not acked, and milliseconds between acks: 1250 messages a second at most. A flood stays at the
 * broker, which drops the older messages, and the event loop stays free for the projections.
 */
const PREFETCH = 25;
const ACK_MS = 20;
/**
 * Messages that wait while this process is busy or suspended; older ones are dropped. One wakeup has the effect of a
 * thousand, and a queue without a limit would only load the broker.
 */
const QUEUE_LIMITS = { maxLength: 1000, arguments: { 'x-overflow': 'drop-head', 'x-max-length-bytes': 8_000_000 } };
/** Greatest length of a routing key in AMQP. */
const MAX_KEY_BYTES = 255;

/** Starts to connect and consume at once. Never throws and never rejects: without a broker there are no pushes. */
export function openPushes(options: PushOptions): Pushes {
  const { exchange, eventNames, clock = systemClock } = options;
  const push = new Subject<Push>();
  const link = openLink(options);
  link.openChannel(
    async (channel, again) => {
      await channel.prefetch(PREFETCH);
      await channel.assertExchange(exchange, 'topic', { durable: true });
      // Named by the server and exclusive: it belongs to this connection and is deleted with it.
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
 * Keys are `<aggregate name>.<event name>`, and an aggregate name can have dots. An event whose name is too long for a
 * routing key is never pushed; the schedule finds it.
 */
export function bindingKeys(eventNames: readonly string[]): readonly string[] {
  return [...new Set(eventNames)].map((name) => `#.${name}`).filter((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES);
}

type Delivery = Parameters<Channel['ack']>[0];

/**
 * Every message is acked, whatever its kind: a rejected one would be delivered again, thousands of times a second. One ack
 * covers all messages of a few milliseconds.
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
      // The channel has ended meanwhile, with its queue; the next channel has a new queue.
    }
  };
  return (message) => {
    if (last === null) clock.later(ACK_MS, flush);
    last = message;
  };
}
