import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A proxy that forwards the bytes of any protocol, and breaks connections as networks do. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Destroys every connection. */
  cut(): void;
  /** Discards the bytes from the target from now on, on every existing connection. */
  hold(): void;
  /** From now on no byte is forwarded and no socket is closed, on existing and new connections, as when a firewall drops their state. */
  silence(): void;
  /** Forwards new connections again; the silent ones stay silent. */
  mend(): void;
  /** Whether new connections are forwarded. While false they are closed immediately. */
  open: boolean;
}

export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  const holds = new Set<() => void>();
  let silent = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    if (!proxy.open) {
      client.destroy();
      return;
    }
    keep(client);
    if (silent) {
      client.resume();
      return;
    }
    const upstream = connect(target.port, target.host);
    keep(upstream);
    let held = false;
    const forward = (from: Socket, to: Socket): void => {
      from.on('data', (bytes) => {
        if (silenced.has(from) || (held && from === upstream) || to.write(bytes)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
      from.on('close', () => {
        if (!silenced.has(from)) to.destroy();
      });
    };
    forward(client, upstream);
    forward(upstream, client);
    const hold = (): void => {
      held = true;
    };
    holds.add(hold);
    upstream.once('close', () => holds.delete(hold));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: TcpProxy = {
    port: address.port,
    open: true,
    cut,
    hold: () => {
      for (const hold of holds) hold();
    },
    silence: () => {
      silent = true;
      for (const socket of sockets) silenced.add(socket);
    },
    mend: () => {
      silent = false;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
  return proxy;
}

/** The same address, reached through the proxy. */
export function through(url: string, proxy: TcpProxy): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(proxy.port);
  return changed.href;
}
