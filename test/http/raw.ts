import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import type { Listening } from '../../src/http/listen.ts';
import { FakeDaemon } from './fake-daemon.ts';

export const TOKEN = 'canary-token-4711';

/** A control API that listens, with what it has logged. */
export interface RawServer {
  readonly daemon: FakeDaemon;
  readonly server: Listening;
  readonly log: () => string;
  /** Sends these bytes as they are and reads to the end; PORT stands for the port. Not through any HTTP client. */
  send(bytes: string): Promise<string>;
  /** Status codes of one request each. */
  statusOf(request: Request): Promise<number>;
}

export interface Request {
  readonly method?: string;
  readonly path?: string;
  /** In place of, or beside, what a right command has; null leaves a header out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string;
}

/** By default a right RESET of `band`. */
export function bytesOf({ method = 'POST', path = '/projections/band/events', headers = {}, body }: Request): string {
  const content = body ?? '{"type":"RESET"}';
  const all = {
    Host: '127.0.0.1:PORT',
    Connection: 'close',
    Authorization: `Bearer ${TOKEN}`,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(content)),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return `${[`${method} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${content}`;
}

export async function openRaw(options: Partial<ControlApiOptions> = {}): Promise<RawServer> {
  const lines: string[] = [];
  const note = (fields: unknown, message?: unknown) => lines.push(JSON.stringify([message, fields]));
  const log = { info: note, warn: note, error: note } as ControlApiOptions['log'];
  const daemon = new FakeDaemon();
  const base = { daemon, token: TOKEN, host: '127.0.0.1', port: 0, version: '1', log };
  const server = await createControlApi({ ...base, ...options }).listen();
  onTestFinished(() => server.close(0));
  const send = async (bytes: string): Promise<string> => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(bytes.replaceAll('PORT', String(server.port)));
    return await text(socket);
  };
  return {
    daemon,
    server,
    log: () => lines.join('\n'),
    send,
    statusOf: async (request) => Number(/^HTTP\/1\.1 (\d+)/.exec(await send(bytesOf(request)))?.[1]),
  };
}
