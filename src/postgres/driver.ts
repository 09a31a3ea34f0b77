import type { Socket } from 'node:net';
import type { Client, Connection } from 'pg';

/**
 * What the engine uses of node-postgres beyond its documented interface, together with the two subclasses of its `Query`
 * (prepared-query.ts, single-round-trip.ts) and the one of its `Client` (session-client.ts). ADR 10 says why, and
 * test/postgres/driver.int.test.ts holds each point against the installed version, so that an upgrade that changes one of
 * them fails a test.
 */

/** The socket of a session. */
export function socketOf(client: Client): Socket {
  return client.connection.stream as Socket;
}

/** What identifies the session in a CancelRequest; null before the server has sent it. */
export function backendKeyOf(client: Client): { readonly pid: number; readonly secret: number } | null {
  const [pid, secret] = [Reflect.get(client, 'processID'), Reflect.get(client, 'secretKey')];
  return Number.isInteger(pid) && Number.isInteger(secret) ? { pid, secret } : null;
}

/** `options` of the start-up message as the URL or PGOPTIONS give them; '' if there are none. */
export function startupOptionsOf(client: Client): string {
  const parameters: unknown = Reflect.get(client, 'connectionParameters');
  const given: unknown =
    typeof parameters === 'object' && parameters !== null ? Reflect.get(parameters, 'options') : undefined;
  return typeof given === 'string' ? given : '';
}

/** The driver's record of the statements that the server has parsed, by name. The driver parses a recorded one no more. */
export interface ParsedStatements {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements: Record<string, string>;
}

export function parsedOn(connection: Connection): ParsedStatements {
  return connection as Connection & ParsedStatements;
}
