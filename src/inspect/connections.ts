import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../core/clock.ts';
import { textFrames } from './frames.ts';
import type { Hub } from './hub.ts';
import type { Subscriber } from './subscribers.ts';

/** The subprotocol that a client offers and the answer names; a token is sent as another subprotocol beside it. */
const SUBPROTOCOL = 'projectionist';

export interface ConnectionLimits {
  /** At the same time. Default 16. */
  readonly clients: number;
  /** Milliseconds between pings; a client that has not answered one when the next is due is dropped. Default 15000. */
  readonly pingEveryMs: number;
  readonly clock: Clock;
}

/** The WebSockets of the clients. */
export interface Connections {
  /** Makes an authorised request a subscriber of the hub. @returns false, with no effect, if the limit of clients is reached */
  accept(incoming: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Closes every WebSocket, and ends those that do not answer the close. No client is accepted from now on. */
  close(): void;
}

/** Milliseconds that a client has to answer the close. */
const CLOSE_MS = 500;
/** A client has no messages to send. */
const MAX_RECEIVED_BYTES = 1024;

export function openConnections(hub: Hub, limits: Partial<ConnectionLimits> = {}): Connections {
  const { clients = 16, pingEveryMs = 15_000, clock = systemClock } = limits;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_RECEIVED_BYTES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const open = new Set<WebSocket>();
  const answered = new WeakSet<WebSocket>();
  const framed = frameOnce();
  let closed = false;
  let cancelPing = clock.later(pingEveryMs, pingAll);

  function pingAll(): void {
    cancelPing = clock.later(pingEveryMs, pingAll);
    for (const client of open) {
      if (!answered.delete(client)) client.terminate();
      else client.ping();
    }
  }

  function opened(client: WebSocket, socket: Duplex): void {
    open.add(client);
    answered.add(client);
    const leave = hub.join(toSubscriber(client, socket, framed));
    client.on('pong', () => answered.add(client));
    client.on('message', () => client.close(1008, 'this endpoint reads no messages'));
    // `close` follows every error.
    client.on('error', () => undefined);
    client.on('close', () => {
      open.delete(client);
      leave();
    });
  }

  return {
    accept(incoming, socket, head) {
      if (closed || open.size >= clients) return false;
      server.handleUpgrade(incoming, socket, head, (client) => opened(client, socket));
      return true;
    },
    close() {
      closed = true;
      cancelPing();
      for (const client of open) client.close(1001, 'the daemon is stopping');
      clock.later(CLOSE_MS, () => {
        for (const client of open) client.terminate();
      });
    },
  };
}

/** @param framed returns the same frames for the same messages, whichever client they are sent to */
function toSubscriber(client: WebSocket, socket: Duplex, framed: (messages: readonly string[]) => Buffer): Subscriber {
  return {
    send: (messages, written) => {
      // No actor of the group could be turned into text.
      if (messages.length === 0) written?.();
      // After a close frame no message may follow.
      else if (client.readyState === client.OPEN)
        socket.write(framed(messages), (error) => {
          if (error === undefined || error === null) written?.();
        });
    },
    get waiting() {
      return client.bufferedAmount;
    },
    // Not `close`: its frame would wait behind those that the client does not read.
    drop: () => client.terminate(),
  };
}

function frameOnce(): (messages: readonly string[]) => Buffer {
  const made = new WeakMap<readonly string[], Buffer>();
  return (messages) => {
    const frames = made.get(messages) ?? textFrames(messages);
    made.set(messages, frames);
    return frames;
  };
}
