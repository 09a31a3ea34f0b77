import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { FrontendReader } from './frontend-reader.ts';

/** A transaction whose COMMIT was taken by the server while its client never heard of it. */
export interface LostReply {
  readonly of: 'page' | 'reset';
  readonly projection: string | null;
  /** What the server answered: COMMIT, or ROLLBACK. */
  readonly tag: string;
}

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** Lets the n-th COMMIT of this kind reach the server, keeps the reply, then calls back. Once. */
  loseReply(of: LostReply['of'], nth: number, spring: (lost: LostReply) => void): void;
}

interface Trap {
  readonly of: LostReply['of'];
  left: number;
  readonly spring: (lost: LostReply) => void;
}

/** Forwards bytes to PostgreSQL, reading along what the client sends. */
export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  let trap: Trap | null = null;

  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // A client that was killed takes its session with it, and the other way round.
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('error', () => other.destroy());
    }
    let swallow: { readonly trap: Trap; readonly of: LostReply['of']; readonly projection: string | null } | null =
      null;
    let replies = Buffer.alloc(0);
    const reader = new FrontendReader((commit) => {
      if (trap === null || trap.of !== commit.of) return;
      trap.left -= 1;
      if (trap.left > 0) return;
      swallow = { trap, ...commit };
      trap = null;
    });
    client.on('data', (bytes) => {
      reader.read(bytes);
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (swallow === null) {
        client.write(bytes);
        return;
      }
      replies = Buffer.concat([replies, bytes]);
      const tag = completed(replies);
      if (tag === null) return;
      swallow.trap.spring({ of: swallow.of, projection: swallow.projection, tag });
      swallow = { ...swallow, trap: { ...swallow.trap, spring: () => undefined } };
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    port: address.port,
    loseReply: (of, nth, spring) => {
      trap = { of, left: nth, spring };
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** The tag of a CommandComplete after which the server is ready again, outside of any transaction. */
function completed(replies: Buffer): string | null {
  let tag: string | null = null;
  let at = 0;
  while (at + 5 <= replies.length) {
    const end = at + 1 + replies.readInt32BE(at + 1);
    if (end > replies.length) return null;
    const type = String.fromCharCode(replies[at] ?? 0);
    if (type === 'C') tag = replies.toString('latin1', at + 5, end - 1);
    if (type === 'Z' && tag !== null && replies[at + 5] === 'I'.charCodeAt(0)) return tag;
    at = end;
  }
  return null;
}
