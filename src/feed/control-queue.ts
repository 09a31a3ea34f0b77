import type { Observable } from 'rxjs';
import { type LinkOptions, openLink } from '../broker/connection.ts';
import type { BrokerEvent } from '../core/broker.ts';
import { MAX_PUSH_BYTES, parseObject } from './push.ts';

export interface ControlQueueOptions extends LinkOptions {
  /** Durable; declared if it does not exist. Whether a user may write to it, and so reset, is for the broker's permissions. */
  readonly queue: string;
  /**
   * Carries out a reset. Resolves when the reset has ended, with success or not; rejects if it was not begun and the message
   * must stay for another daemon or for the next start.
   */
  readonly reset: (name: string) => Promise<void>;
  /** Called with the reason for each message that requests no reset. */
  readonly onRefused: (reason: string) => void;
}

export interface ControlQueue {
  readonly link$: Observable<BrokerEvent>;
  close(): Promise<void>;
}

const RESET_TYPE = 'Readview.Reset';

/** Consumes control messages, one at a time, over its own connection: a queue that is refused must not stop the pushes. */
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
            // The connection was lost meanwhile: the message is delivered again, and a second reset gives the same rows.
          }
        };
        const request = readControl(message.content, message.properties.headers);
        if ('refused' in request) {
          onRefused(request.refused);
          return done();
        }
        // Not acked after a rejection: the message returns to the queue when this connection ends.
        reset(request.reset).then(done, () => undefined);
      });
    },
    { confirm: false },
  );
  return { link$: link.events$, close: () => link.close() };
}

/**
 * Reads `{"type":"Readview.Reset","name":"band"}` from the body, or the same two fields from the headers. Anything else is
 * refused with a reason. Never throws.
 */
export function readControl(
  content: Buffer,
  headers: Readonly<Record<string, unknown>> | undefined,
): { readonly reset: string } | { readonly refused: string } {
  if (content.length > MAX_PUSH_BYTES) return { refused: `${content.length} bytes are too many` };
  const given = headers?.['type'] === undefined ? parseObject(content) : headers;
  if (given === null) return { refused: 'it is not a JSON object' };
  const { type, name } = given;
  if (type !== RESET_TYPE) return { refused: `its type is not ${RESET_TYPE}` };
  if (typeof name !== 'string' || name === '' || name.length > 63) return { refused: 'it names no projection' };
  return { reset: name };
}
