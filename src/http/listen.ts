import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';
import { EngineError } from '../core/errors.ts';
import { urlOf } from './bind.ts';
import type { Env, Log } from './guards.ts';
import { errorProblem, problem, problemResponse } from './problem.ts';

/** Bounds for clients: neither a slow client nor very many of them may keep operators out. Times in milliseconds. */
export interface ServerLimits {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How often the two timeouts above are checked. */
  readonly checkEveryMs: number;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
}

const LIMITS: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  checkEveryMs: 1_000,
  maxConnections: 256,
  maxHeaderBytes: 16 * 1024,
};

export interface Listening {
  readonly host: string;
  /** The one in use, also when 0 was asked for. */
  readonly port: number;
  /** `http://host:port`, as an operator can open it. */
  readonly url: string;
  /**
   * Accepts no more requests, ends waiting ones, closes idle connections at once and the rest after `graceMs` (default
   * 2000). A repeated call returns the same promise. It never rejects.
   */
  close(graceMs?: number): Promise<void>;
}

export interface ListenOptions {
  readonly fetch: Hono<Env>['fetch'];
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  /** Aborted by `close`, so that waiting answers end. */
  readonly closing: AbortController;
  readonly limits: Partial<ServerLimits>;
  /** Gets requests to upgrade to a WebSocket. Default: they are handled like any other request. */
  readonly upgrade?: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** @throws EngineError PORT_IN_USE, CONFIG_INVALID */
export async function listenOn(options: ListenOptions): Promise<Listening> {
  const { fetch, host, port, log, closing, limits, upgrade } = options;
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, checkEveryMs, maxConnections, maxHeaderBytes } = {
    ...LIMITS,
    ...limits,
  };
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: checkEveryMs,
      maxHeaderSize: maxHeaderBytes,
    },
    toListener(fetch, log),
  );
  server.maxConnections = maxConnections;
  server.maxHeadersCount = 100;
  if (upgrade !== undefined) server.on('upgrade', upgrade);
  // A connection becomes idle when its last answer is sent. While the server closes, no further request can come on it.
  server.on('request', (_incoming, outgoing: ServerResponse) => {
    outgoing.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
  await opened(server, host, port);
  // After this only accept() can fail (no file descriptor left). Without a listener that would end the process.
  server.on('error', (error) => log.error({ err: error }, 'http.server'));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  let closed: Promise<void> | null = null;
  return {
    host,
    port: bound,
    url: urlOf(host, bound),
    close(graceMs = 2_000) {
      closed ??= closeServer(server, closing, graceMs);
      return closed;
    },
  };
}

/**
 * Two errors never reach the error handler of the app: a request without a usable Host, and a thrown value that is no
 * Error.
 */
function toListener(fetch: Hono<Env>['fetch'], log: Log) {
  const errorHandler = (error: unknown): Response => {
    if (error instanceof RequestError) return problemResponse(problem('HOST_REFUSED'));
    const answer = errorProblem(error);
    log.error({ err: error, id: answer.id }, 'http.error');
    return problemResponse(answer);
  };
  const listener = getRequestListener(fetch, { errorHandler });
  return (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    listener(incoming, outgoing).catch(() => outgoing.destroy());
  };
}

function opened(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(whyNotOpened(error, host, port));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function whyNotOpened(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const cause = { cause: error };
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return new EngineError('PORT_IN_USE', { host, port }, cause);
    case 'EACCES':
      return new EngineError(
        'CONFIG_INVALID',
        { setting: 'PORT', reason: `this user may not listen on ${port}` },
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new EngineError(
        'CONFIG_INVALID',
        { setting: 'HOST', reason: `'${host}' is not an address of this machine` },
        cause,
      );
    default:
      return error;
  }
}

function closeServer(server: Server, closing: AbortController, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    // Closes idle connections as well.
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    closing.abort(new EngineError('DAEMON_STOPPED'));
  });
}
