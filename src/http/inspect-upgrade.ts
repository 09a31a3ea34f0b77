import { timingSafeEqual } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { percentDecoded } from '../core/percent-encoding.ts';
import type { Connections } from '../inspect/connections.ts';
import { hostAllowed, isLoopback } from './bind.ts';
import { digest, hostOf, type Log } from './guards.ts';
import { type ProblemCode, problem, SECURITY_HEADERS } from './problem.ts';

export const INSPECT_PATH = '/inspect';
/** A browser cannot set a header on a WebSocket, but it can offer a subprotocol: this, with the token behind it. */
const TOKEN_PROTOCOL = 'projectionist.token.';

export interface InspectGate {
  readonly connections: Connections;
  readonly token: string;
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly log: Log;
}

/** Answers requests to upgrade: `/inspect` becomes a WebSocket for clients with the token; every other request is refused. */
export function inspectUpgrade(gate: InspectGate) {
  const expected = digest(gate.token);
  return (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // A client that goes away now must not end the process.
    socket.on('error', () => socket.destroy());
    const remote = incoming.socket.remoteAddress ?? 'unknown';
    const refusal = refusalOf(incoming, gate, expected);
    if (refusal === null && gate.connections.accept(incoming, socket, head)) {
      gate.log.info({ remote }, 'inspect.joined');
      return;
    }
    const code = refusal ?? 'INSPECTORS_FULL';
    // The path has no query, which may hold the token.
    gate.log.warn({ code, method: incoming.method, path: pathOf(incoming), remote }, 'http.refused');
    answer(socket, code);
  };
}

function refusalOf(incoming: IncomingMessage, gate: InspectGate, expected: Buffer): ProblemCode | null {
  const { host, origin } = incoming.headers;
  const { host: bound, allowedHosts } = gate;
  if (!hostAllowed(host, { host: bound, port: incoming.socket.localPort ?? 0, allowedHosts })) return 'HOST_REFUSED';
  if (pathOf(incoming) !== INSPECT_PATH) return 'NOT_FOUND';
  // A browser lets pages of any origin open and read a WebSocket: no other check holds them to the same origin.
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) return 'ORIGIN_REFUSED';
  const given = tokenOf(incoming);
  if (given === null) return 'TOKEN_NEEDED';
  return timingSafeEqual(digest(given), expected) ? null : 'TOKEN_WRONG';
}

/** By subprotocol, by header, or, from this machine, in the address, which other machines on the way may log. */
function tokenOf(incoming: IncomingMessage): string | null {
  const { authorization, host = '', 'sec-websocket-protocol': offered = '' } = incoming.headers;
  const protocol = offered.split(',').find((one) => one.trim().startsWith(TOKEN_PROTOCOL));
  // A token may have characters that a subprotocol may not: those are percent-encoded.
  if (protocol !== undefined) return percentDecoded(protocol.trim().slice(TOKEN_PROTOCOL.length));
  const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const remote = (incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const calledAs = host.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  if (!isLoopback(remote) || !isLoopback(calledAs)) return null;
  const [, query = ''] = (incoming.url ?? '').split('?', 2);
  return new URLSearchParams(query).get('token');
}

function pathOf({ url = '' }: IncomingMessage): string {
  return (url.split('?', 1)[0] ?? '').slice(0, 200);
}

function answer(socket: Duplex, code: ProblemCode): void {
  const body = JSON.stringify(problem(code));
  const { status } = problem(code);
  const headers = {
    ...SECURITY_HEADERS,
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`, () =>
    socket.destroy(),
  );
}
