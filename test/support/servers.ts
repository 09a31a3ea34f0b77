import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { freePort } from '../../src/embedded/settings.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';

/** The PostgreSQL server of this test run. Tests may create and drop databases and end sessions on it. */
export interface TestServer {
  /** Options for postgres.js. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
    readonly ssl?: 'require' | 'prefer';
  };
  /** The same server as a URL, for programs that take DATABASE_URL. */
  readonly url: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: TestServer;
  }
}

/**
 * Uses TEST_DATABASE_URL if it is set, else starts a throw-away server for this run. It never uses another server that
 * listens: the tests create and drop databases, prepare transactions and end other sessions.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) {
    project.provide('postgres', fromUrl(given));
    return () => Promise.resolve();
  }
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-test-'));
  // mkdtemp makes the folder with mode 0700. Under root the server runs as another user, which must be able to enter it.
  await chmod(folder, 0o711);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const port = await freePort();
    const server = await startEmbeddedPostgres({ folder, throwAway: true, settings: settings(port) });
    const url = await openTcp(server, port);
    project.provide('postgres', { connection: { ...server.connection, password: '' }, url });
    return () => server.stop().then(remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

function settings(port: number): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    max_connections: '200',
    max_prepared_transactions: '10',
    log_min_messages: 'FATAL',
  };
}

/** Opens the TCP port with a random password: without one any user of this machine could connect as superuser. */
async function openTcp(server: EmbeddedPostgres, port: number): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const sql = postgres({ ...server.connection, max: 1 });
  await sql.unsafe(`ALTER ROLE postgres PASSWORD '${password}'`);
  await sql.end();
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

function fromUrl(url: string): TestServer {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const mode = searchParams.get('sslmode');
  return {
    url,
    connection: {
      host: decodeURIComponent(hostname),
      port: Number(port || 5432),
      user: decodeURIComponent(username) || 'postgres',
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)) || 'postgres',
      ...(mode === 'require' || mode === 'prefer' ? { ssl: mode } : {}),
    },
  };
}
