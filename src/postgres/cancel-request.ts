import { connect, type Socket } from 'node:net';
import type { Client } from 'pg';
import type { Clock } from '../core/clock.ts';
import { backendKeyOf, socketOf } from './driver.ts';

const CANCEL_REQUEST_CODE = 80_877_102;

/**
 * Asks the server to cancel the running statement of a session. This sends a CancelRequest of the protocol over a socket
 * of its own, which needs no login and no free connection slot, and which PgBouncer passes on. The server closes the socket
 * when it has sent the signal; after that the signal cannot hit a later statement. Never rejects.
 * @returns whether the request was delivered within `withinMs`
 */
export function cancelRequest(client: Client, withinMs: number, clock: Clock): Promise<boolean> {
  const key = backendKeyOf(client);
  if (key === null) return Promise.resolve(false);
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  packet.writeInt32BE(key.pid | 0, 8);
  packet.writeInt32BE(key.secret | 0, 12);
  return new Promise((resolve) => {
    const socket = openLike(client);
    let failed = false;
    const giveUp = (): void => {
      failed = true;
      socket.destroy();
    };
    const cancelTimer = clock.later(withinMs, giveUp);
    socket.on('error', giveUp);
    socket.on('connect', () => socket.write(packet));
    // Without a reader the socket never reports that the server has closed it.
    socket.resume();
    socket.on('close', () => {
      cancelTimer();
      resolve(!failed);
    });
  });
}

/** Connects to the address of the session: a host name may resolve to several servers. */
function openLike(client: Client): Socket {
  if (client.host.startsWith('/')) return connect(`${client.host}/.s.PGSQL.${client.port}`);
  const { remoteAddress, remotePort } = socketOf(client);
  return connect(remotePort ?? client.port, remoteAddress ?? client.host);
}
