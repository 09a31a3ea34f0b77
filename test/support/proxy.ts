import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type CommitTrap, CommitTraps, type LostReply } from './proxy/commit-trap.ts';
import { CALM, type Weather } from './proxy/lane.ts';
import { type Ending, Link } from './proxy/link.ts';

export type { LostReply } from './proxy/commit-trap.ts';

/** A proxy between a daemon and PostgreSQL that delays, silences and breaks connections. */
export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** The time of each new connection, by performance.now(). */
  readonly arrivals: readonly number[];
  /** Connections that are open on both sides. */
  open(): number;
  /** Sets how bytes are forwarded from now on; without an argument, immediately and unsplit. */
  weather(weather?: Partial<Weather>): void;
  /** Ends every connection. */
  cut(how: Ending): void;
  /** Cuts (rst) the first connection over which this many more bytes have gone to the client; resolves then. */
  cutAfter(bytes: number): Promise<void>;
  /** From now on the existing connections forward no byte and no close. */
  silence(): void;
  /** While `deaf`, new connections are accepted and never get a reply. */
  deafen(deaf: boolean): void;
  /** Forwards the n-th COMMIT of this kind, holds its reply back, and then calls `spring`. Once. */
  loseReply(of: LostReply['of'], nth: number, spring: (lost: LostReply) => void): void;
  lay(trap: CommitTrap): void;
}

/** @param target a host that begins with a slash is the folder of a unix socket */
export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<TestProxy> {
  const links = new Set<Link>();
  const deafClients = new Set<Socket>();
  const traps = new CommitTraps();
  const arrivals: number[] = [];
  let weather: Weather = CALM;
  let deaf = false;
  let bytesToCut: number | null = null;
  let onCut = (): void => undefined;
  const armCut = (bytes: number | null): void => {
    bytesToCut = bytes;
    for (const link of links) link.cutAfter(bytes, onCut);
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    arrivals.push(performance.now());
    if (deaf) {
      deafClients.add(client.on('error', () => undefined).on('close', () => deafClients.delete(client)));
      return;
    }
    const { host, port } = target;
    const upstream = connect({
      allowHalfOpen: true,
      ...(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }),
    });
    const link = new Link(client, upstream, () => weather, traps);
    links.add(link);
    if (bytesToCut !== null) link.cutAfter(bytesToCut, onCut);
    for (const socket of [client, upstream]) socket.on('close', () => link.over && links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    port: address.port,
    arrivals,
    open: () => [...links].filter((link) => link.open).length,
    weather: (next) => {
      weather = next === undefined ? CALM : { ...CALM, ...next };
    },
    cut: (how) => {
      for (const link of links) link.cut(how);
    },
    cutAfter: (bytes) =>
      new Promise((resolve) => {
        onCut = () => {
          armCut(null);
          resolve();
        };
        armCut(bytes);
      }),
    silence: () => {
      for (const link of links) link.silence();
    },
    deafen: (value) => {
      deaf = value;
    },
    loseReply: (of, nth, spring) => traps.lay({ of, nth, onLostReply: spring }),
    lay: (trap) => traps.lay(trap),
    [Symbol.asyncDispose]: async () => {
      for (const link of links) link.destroy();
      for (const client of deafClients) client.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
