import type { ConfirmChannel } from 'amqplib';
import type { Message } from './message.ts';

/** Why a channel has ended. */
export interface ChannelEnd {
  /** AMQP's reply code, if the broker closed this channel because of something that was sent over it; else null. */
  readonly code: number | null;
  readonly reason: string;
}

/**
 * One confirm channel, from its opening to its end. Messages go straight into the driver: the channels of the connection
 * manager would keep messages in memory without a bound while the broker is away.
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
    // Before the driver's own listener, which reports every pending publish as failed: that is no refusal by the broker.
    channel.prependListener('close', () => {
      this.#end ??= { code: null, reason: 'the channel was closed' };
    });
  }

  /** Null while the channel is open. */
  get end(): ChannelEnd | null {
    return this.#end;
  }

  /**
   * @param answered called once with whether the broker accepted the message; never after the end of the channel, when
   *   that is unknown
   * @returns why the driver cannot encode the message, in words (it was not sent then); else null
   */
  publish(message: Message, answered: (accepted: boolean) => void): string | null {
    if (this.#end !== null) return null;
    const { routingKey, content, properties } = message;
    try {
      this.#channel.publish(this.#exchange, routingKey, content, properties, (error: unknown) => {
        if (this.#end === null) answered(error === null || error === undefined);
      });
      return null;
    } catch (error) {
      // The encoder throws these two; a channel that is closed throws another kind of Error.
      if (error instanceof RangeError || error instanceof TypeError) return `AMQP cannot carry it (${error.message})`;
      throw error;
    }
  }
}
