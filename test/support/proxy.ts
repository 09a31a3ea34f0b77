import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type CommitTrap, CommitTraps, type LostReply } from './proxy/commit-trap.ts';
import { CALM, type Weather } from './proxy/lane.ts';
import { type Ending, Link } from './proxy/link.ts';

export type { LostReply } from './proxy/commit-trap.ts';

/** Stands between a daemon and PostgreSQL, and does to the connections what networks do. */
export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** When each connection came, by performance.now(). */
  readonly arrivals: readonly number[];
  /** Connections that are open on both sides. */
  open(): number;
  /** How bytes travel from now on; without an argument at once and whole. */
  weather(weather?: Partial<Weather>): void;
  /** Ends every connection. */
  cut(how: Ending): void;
  /** Cuts (rst) the first connection over which this many more bytes have gone to the client; resolves then. */
  cutAfter(bytes: number): Promise<void>;
  /** From now on nothing arrives over the connections there are, and no side hears of the other's end. */
  silence(): void;
  /** While deaf, new connections are taken and nothing is ever answered. */
  deafen(deaf: boolean): void;
  /** Lets the n-th COMMIT of this kind reach the server, keeps the reply, then calls back. Once. */
  loseReply(of: LostReply['of'], nth: number, spring: (lost: LostReply) => void): void;
  lay(trap: CommitTrap): void;
}

/** A host that begins with a slash is the folder of a unix socket. */
export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<TestProxy> {
  const links = new Set<Link>();
  const unheard = new Set<Socket>();
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
      unheard.add(client.on('error', () => undefined).on('close', () => unheard.delete(client)));
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
      for (const client of unheard) client.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
