import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../core/clock.ts';
import { textFrames } from './frames.ts';
import type { Hub } from './hub.ts';
import type { Reader } from './subscribers.ts';

/** What a client offers as subprotocol and is answered; a token goes in another one beside it. */
const SUBPROTOCOL = 'projectionist';

export interface ConnectionLimits {
  /** At once. Default 16. */
  readonly clients: number;
  /** Milliseconds; a client that has not answered one ping when the next is due is gone. Default 15000. */
  readonly pingEveryMs: number;
  readonly clock: Clock;
}

/** The WebSockets of those who read along. */
export interface Connections {
  /** Makes a request that was let in a reader of the hub; false, with nothing done, where as many read as may. */
  accept(incoming: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Says goodbye and, shortly after, hangs up. Nothing is accepted any more. */
  close(): void;
}

/** Milliseconds that a client gets to answer the goodbye. */
const GOODBYE_MS = 500;
/** A client has nothing to say. */
const MAX_HEARD_BYTES = 1024;

export function openConnections(hub: Hub, limits: Partial<ConnectionLimits> = {}): Connections {
  const { clients = 16, pingEveryMs = 15_000, clock = systemClock } = limits;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_HEARD_BYTES,
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
    const leave = hub.join(toReader(client, socket, framed));
    client.on('pong', () => answered.add(client));
    client.on('message', () => client.close(1008, 'nothing is read here'));
    // Whatever it is, `close` follows.
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
      clock.later(GOODBYE_MS, () => {
        for (const client of open) client.terminate();
      });
    },
  };
}

/** @param framed the same frames for every client that is sent the same messages */
function toReader(client: WebSocket, socket: Duplex, framed: (messages: readonly string[]) => Buffer): Reader {
  return {
    send: (messages, taken) => {
      // None of them could be shown.
      if (messages.length === 0) taken?.();
      // Behind a goodbye nothing may come any more.
      else if (client.readyState === client.OPEN)
        socket.write(framed(messages), (error) => {
          if (error === undefined || error === null) taken?.();
        });
    },
    get waiting() {
      return client.bufferedAmount;
    },
    // Not `close`: its frame would stand in line behind what is not taken.
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
