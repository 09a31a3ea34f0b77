import type { ConfirmChannel } from 'amqplib';
import type { Message } from './message.ts';

/** Why a channel has ended. */
export interface ChannelEnd {
  /** AMQP's code where the broker closed this channel itself: it did not like what came over it. */
  readonly code: number | null;
  readonly reason: string;
}

/**
 * One confirm channel, from its opening to its end. Whoever holds it publishes straight into the driver: the connection
 * manager's own channels would keep messages in memory without a bound while the broker is away.
 */
export class PublishingChannel {
  readonly #channel: ConfirmChannel;
  readonly #exchange: string;
  #end: ChannelEnd | null = null;

  constructor(channel: ConfirmChannel, exchange: string) {
    this.#channel = channel;
    this.#exchange = exchange;
    channel.on('error', (error: Error & { readonly code?: unknown }) => {
      this.#end = { code: typeof error.code === 'number' ? error.code : null, reason: error.message };
    });
    // First of all listeners: the driver's own one tells every publish that it failed, which is no refusal.
    channel.prependListener('close', () => {
      this.#end ??= { code: null, reason: 'the channel was closed' };
    });
  }

  /** Null while it is open. */
  get end(): ChannelEnd | null {
    return this.#end;
  }

  /**
   * @param answered told once whether the broker took it; never after the end of the channel, when nobody knows
   * @returns why the driver cannot encode it, in words; nothing was sent then
   */
  publish(message: Message, answered: (taken: boolean) => void): string | null {
    if (this.#end !== null) return null;
    const { routingKey, content, properties } = message;
    try {
      this.#channel.publish(this.#exchange, routingKey, content, properties, (error: unknown) => {
        if (this.#end === null) answered(error === null || error === undefined);
      });
      return null;
    } catch (error) {
      // What the encoder throws; a channel that is closed throws an Error of another kind.
      if (error instanceof RangeError || error instanceof TypeError) return `AMQP cannot carry it (${error.message})`;
      throw error;
    }
  }
}
