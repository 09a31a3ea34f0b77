import { isIP, isIPv4 } from 'node:net';
import { hostname } from 'node:os';
import { EngineError } from '../core/errors.ts';

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  return isIPv4(name) && name.startsWith('127.');
}

/**
 * @param token the token that the operator has set; a random one does not count, since no client on another machine could know it
 * @throws EngineError BIND_NEEDS_TOKEN
 */
export function checkBind(host: string, token: string | null): void {
  if (!isLoopback(host) && (token === null || token === '')) throw new EngineError('BIND_NEEDS_TOKEN', { host });
}

/** For messages and links. A wildcard is no address that a client can open, so loopback takes its place. */
export function urlOf(host: string, port: number): string {
  const reachable = isWildcard(host) ? '127.0.0.1' : host;
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`;
}

/**
 * Whether the server answers a request with this Host header. A page that rebinds its own name to this machine sends that
 * name, and its request is refused before routing.
 *
 * On a wildcard the port may differ (a container's port is mapped), and any literal address is accepted, since no name can
 * be rebound to be one. An allowed name is one that the operator vouches for (a container's service name, a proxy's), with
 * whatever port leads here.
 */
export function hostAllowed(
  header: string | undefined,
  bound: { readonly host: string; readonly port: number; readonly allowedHosts?: readonly string[] },
): boolean {
  const parts = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(header ?? '');
  if (parts === null) return false;
  const name = (parts[1] ?? '').replaceAll(/[[\]]/g, '').toLowerCase();
  if (bound.allowedHosts?.includes(name)) return true;
  if (isWildcard(bound.host)) return isLoopback(name) || isIP(name) !== 0 || name === hostname().toLowerCase();
  return Number(parts[2] ?? 80) === bound.port && (isLoopback(name) || name === bound.host.toLowerCase());
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
