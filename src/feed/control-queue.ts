import type { Observable } from 'rxjs';
import { type LinkOptions, openLink } from '../broker/connection.ts';
import type { BrokerEvent } from '../core/broker.ts';
import { MAX_PUSH_BYTES, parseObject } from './push.ts';

export interface ControlQueueOptions extends LinkOptions {
  /** Durable; declared if it is not there. Who may write into it may reset: that is for the broker's permissions. */
  readonly queue: string;
  /**
   * Carries out a reset. Resolves when it is over, however it ended; rejects when nothing was begun and the message should
   * stay for another daemon, or the next start.
   */
  readonly reset: (name: string) => Promise<void>;
  /** Told of messages that ask for nothing, with the reason. */
  readonly onRefused: (reason: string) => void;
}

export interface ControlQueue {
  readonly link$: Observable<BrokerEvent>;
  close(): Promise<void>;
}

const RESET_TYPE = 'Readview.Reset';

/** Consumes control messages, one at a time, over a connection of its own: a queue that is refused must not take the pushes along. */
export function openControlQueue(options: ControlQueueOptions): ControlQueue {
  const { queue, reset, onRefused } = options;
  const link = openLink(options);
  link.openChannel(
    async (channel, again) => {
      await channel.prefetch(1);
      await channel.assertQueue(queue, { durable: true });
      await channel.consume(queue, (message) => {
        if (message === null) return again(`the control queue '${queue}' was deleted`);
        const done = (): void => {
          try {
            channel.ack(message);
          } catch {
            // The connection went meanwhile: it is delivered again, and a second reset ends in the same rows.
          }
        };
        const asked = readControl(message.content, message.properties.headers);
        if ('refused' in asked) {
          onRefused(asked.refused);
          return done();
        }
        // Not acked after a rejection: it goes back into the queue with this connection.
        reset(asked.reset).then(done, () => undefined);
      });
    },
    { confirm: false },
  );
  return { link$: link.events$, close: () => link.close() };
}

/**
 * `{"type":"Readview.Reset","name":"band"}` as the body, or the same two as headers. Anything else is refused, with the
 * reason; never throws.
 */
export function readControl(
  content: Buffer,
  headers: Readonly<Record<string, unknown>> | undefined,
): { readonly reset: string } | { readonly refused: string } {
  if (content.length > MAX_PUSH_BYTES) return { refused: `${content.length} bytes are too many` };
  const said = headers?.['type'] === undefined ? parseObject(content) : headers;
  if (said === null) return { refused: 'it is not a JSON object' };
  const { type, name } = said;
  if (type !== RESET_TYPE) return { refused: `its type is not ${RESET_TYPE}` };
  if (typeof name !== 'string' || name === '' || name.length > 63) return { refused: 'it names no projection' };
  return { reset: name };
}
