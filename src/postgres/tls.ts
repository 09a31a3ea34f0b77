import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { readDatabaseUrl, type TlsSettings } from '../core/database-url.ts';
import { EngineError } from '../core/errors.ts';

/** How the driver connects to a URL. */
interface UrlConfig {
  readonly config: ClientConfig;
  /** Whether a server without TLS is accepted. */
  readonly allowsPlain: boolean;
}

/**
 * Gives sslmode the meaning that it has in libpq. The driver treats every mode as verify-full, and prints a warning of
 * seven lines for some of them.
 * @throws EngineError CONFIG_INVALID
 */
export function urlConfig(text: string): UrlConfig {
  const read = readDatabaseUrl(text);
  if ('problem' in read) throw invalid(read.problem);
  const { url: connectionString, tls } = read;
  if (isSocket(new Client({ connectionString, ssl: false }))) {
    return { config: { connectionString, ssl: false }, allowsPlain: false };
  }
  if (tls === null) return { config: { connectionString }, allowsPlain: false };
  return { config: { connectionString, ssl: tlsOptions(tls) }, allowsPlain: tls.mode === 'prefer' };
}

/** Host, port and database for messages, without user or password. */
export function describeUrl(text: string): string {
  const read = readDatabaseUrl(text);
  if ('problem' in read) return 'the given URL';
  // The driver takes from the environment the parts that the URL leaves out.
  const client = new Client({ connectionString: read.url, ssl: false });
  const { host, port } = client;
  if (isSocket(client)) return `${host}/.s.PGSQL.${port}${read.path}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}${read.path}`;
}

function isSocket({ host }: Client): boolean {
  return host.startsWith('/');
}

function tlsOptions({ mode, rootCert, cert, key }: TlsSettings): false | ConnectionOptions {
  if (mode === 'disable') return false;
  const files = {
    ...(rootCert !== null && rootCert !== 'system' && { ca: readText('sslrootcert', rootCert) }),
    ...(cert !== null && { cert: readText('sslcert', cert) }),
    ...(key !== null && { key: readText('sslkey', key) }),
  };
  if (mode === 'verify-full') return files;
  // With sslrootcert, `require` of libpq means `verify-ca`: the host name of the certificate is not checked.
  if (mode === 'verify-ca' || (mode === 'require' && rootCert !== null)) {
    return { ...files, checkServerIdentity: () => undefined };
  }
  return { ...files, rejectUnauthorized: false };
}

function readText(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw invalid(`the file of ${parameter} cannot be read (${code})`);
  }
}

function invalid(reason: string): EngineError {
  return new EngineError('CONFIG_INVALID', { setting: 'DATABASE_URL', reason });
}
