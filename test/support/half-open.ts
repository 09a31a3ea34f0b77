import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Forwards bytes until it is told not to. */
export interface HalfOpen extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing goes through, and no socket is closed: as when a firewall forgets a connection. */
  blackhole(): void;
  /** Ends every connection at once, as a broker does that dies. */
  cut(): void;
  /** New connections go through again; the silent ones stay silent. */
  mend(): void;
}

/** A TCP proxy that can fall silent without a word. */
export async function startHalfOpen(target: { readonly host: string; readonly port: number }): Promise<HalfOpen> {
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    if (silent) {
      keep(client);
      client.resume();
      return;
    }
    const upstream = connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      keep(from);
      from.on('data', (bytes) => {
        if (!silenced.has(from)) to.write(bytes);
      });
      from.on('close', () => {
        if (!silenced.has(from)) to.destroy();
      });
    }
  });
  const silenced = new Set<Socket>();
  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    blackhole: () => {
      silent = true;
      for (const socket of sockets) silenced.add(socket);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      silent = false;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
