import type { Channel } from 'amqp-connection-manager';
import type { ConfirmChannel } from 'amqplib';
import { openLink } from '../broker/connection.ts';
import { PublishingChannel } from './publishing-channel.ts';

export interface PublishingChannelsOptions {
  /** Brokers of one cluster, tried in turn. */
  readonly urls: readonly string[];
  readonly exchange: string;
  /** Shown by the broker beside the connection. */
  readonly name: string;
  /** A channel is open and the exchange exists. */
  readonly onOpen: (publishingChannel: PublishingChannel) => void;
  /** The channel, or an attempt to open one, has ended; the next attempt follows automatically. */
  readonly onEnd: (reason: string) => void;
  readonly onBlocked: (reason: string) => void;
  readonly onUnblocked: () => void;
}

/** A connection for publishing alone: an error on it must not end the connection that consumes. */
export interface PublishingChannels {
  /** Drops a connection that does not answer; another one is opened. */
  reset(reason: string): void;
  /** Within a few seconds, whatever the broker does. Idempotent. */
  close(): Promise<void>;
}

/** AMQP's reply codes. */
const ACCESS_REFUSED = 403;
const PRECONDITION_FAILED = 406;

/** Opens one publishing channel after another until `close` is called. */
export function openPublishingChannels({
  urls,
  exchange,
  name,
  ...handlers
}: PublishingChannelsOptions): PublishingChannels {
  let publishingChannel: PublishingChannel | null = null;
  let mayDeclare = true;
  const link = openLink({ urls, name });
  link.events$.subscribe((event) => {
    if (event.type === 'READY' && publishingChannel !== null) handlers.onOpen(publishingChannel);
    if (event.type === 'FAILED' || event.type === 'LOST') {
      publishingChannel = null;
      handlers.onEnd(event.reason);
    }
    if (event.type === 'BLOCKED') handlers.onBlocked(event.reason);
    if (event.type === 'UNBLOCKED') handlers.onUnblocked();
  });

  async function setUp(channel: Channel): Promise<void> {
    if (!isConfirmChannel(channel)) throw new TypeError('the channel does not confirm');
    const opened = new PublishingChannel(channel, exchange);
    // An error ends the channel alone: without the reset the connection would look healthy and have no channel. (An error
    // during setUp rejects setUp.)
    channel.on('error', (error: Error) => {
      if (publishingChannel === opened) link.reset(error.message);
    });
    try {
      if (mayDeclare) await channel.assertExchange(exchange, 'topic', { durable: true });
      else await channel.checkExchange(exchange);
    } catch (error) {
      // A user who may only publish can use an exchange that exists: the next attempt does not declare it.
      if (codeOf(error) === ACCESS_REFUSED) mayDeclare = false;
      throw explained(error, exchange);
    }
    publishingChannel = opened;
  }

  link.openChannel(setUp, { confirm: true });
  return { reset: link.reset, close: link.close };
}

function isConfirmChannel(channel: Channel): channel is ConfirmChannel {
  return 'waitForConfirms' in channel;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : null;
}

function explained(error: unknown, exchange: string): unknown {
  if (codeOf(error) !== PRECONDITION_FAILED) return error;
  const what = `'${exchange}' is not a durable topic exchange: delete it, or set AMQP_EXCHANGE to another name`;
  return new Error(`${what} (${error instanceof Error ? error.message : String(error)})`, { cause: error });
}
