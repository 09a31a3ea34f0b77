import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded/settings.ts';
import type { TestDatabase } from './database.ts';

/** Debian installs it in /usr/sbin, which only the PATH of root has. */
const PROGRAM = ['pgbouncer', '/usr/sbin/pgbouncer'].find(
  (program) => spawnSync(program, ['--version'], { timeout: 30_000 }).status === 0,
);
if (PROGRAM === undefined) {
  if (process.env['CI']) throw new Error('pgbouncer is missing: install it (Debian: apt-get install pgbouncer)');
  console.log('skipped: the tests behind PgBouncer, which is not installed');
}
export const hasPgBouncer = PROGRAM !== undefined;

export interface Pooler extends AsyncDisposable {
  /** The address of the test's database through the pooler. */
  readonly url: string;
}

/** Starts PgBouncer in transaction mode for a test's database. `sessions`: server sessions for all clients together. */
export async function startPgBouncer(
  { url }: TestDatabase,
  options: { readonly sessions: number; readonly ignore: readonly string[] },
): Promise<Pooler> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-pgbouncer-'));
  // PgBouncer refuses to run as root; the user that it runs as must be able to read its configuration.
  await chmod(folder, 0o755);
  const port = await freePort();
  // TCP, because that user may have no access to the folder of a unix socket.
  const { hostname, port: serverPort, username, password, pathname } = new URL(url);
  const name = pathname.slice(1);
  const server = `host=${hostname} port=${serverPort || '5432'} dbname=${name} user=${username}`;
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
${name} = ${server}${password === '' ? '' : ` password=${password}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${options.sessions}
max_client_conn = 200
ignore_startup_parameters = ${options.ignore.join(',')}
`,
  );
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const running = spawn(PROGRAM ?? '', [...asUser, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(running, 'exit');
  let said = '';
  running.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await vi.waitFor(
    async () => {
      if (running.exitCode !== null || !(await canConnect(port)))
        throw new Error(`PgBouncer takes no connections: ${said}`);
    },
    { timeout: 20_000, interval: 20 },
  );
  return {
    url: `postgres://${username}@127.0.0.1:${port}/${name}`,
    [Symbol.asyncDispose]: async () => {
      running.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
