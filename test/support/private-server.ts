import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import { connect } from '../../src/postgres/pool.ts';
import type { SceneDatabase } from './fault-scene.ts';

/** Commits are flushed and survive a crash of the server. No background process flushes on its own schedule. */
const SETTINGS = {
  synchronous_commit: 'on',
  bgwriter_lru_maxpages: '0',
  autovacuum: 'off',
  log_min_messages: 'PANIC',
};

/** A PostgreSQL that one test may stop, kill and start again. */
export interface PrivateServer {
  readonly database: SceneDatabase;
  start(): Promise<void>;
  /** A fast shutdown: the sessions end, and every commit is kept. */
  stop(): Promise<void>;
  /**
   * Suspends the WAL writer: from now on only commits that request it are flushed. The test must end with `crash`, because
   * an orderly stop would wait for the WAL writer.
   */
  holdBackWal(): Promise<void>;
  /** An immediate shutdown: unflushed commits are lost, as after a power failure. */
  crash(): Promise<void>;
}

/** Starts it; `database.close` removes it. */
export async function startPrivateServer(settings: Readonly<Record<string, string>> = {}): Promise<PrivateServer> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-faults-'));
  await chmod(folder, 0o711);
  const launch = () => startEmbeddedPostgres({ folder, throwAway: true, settings: { ...SETTINGS, ...settings } });
  let server: EmbeddedPostgres = await launch();
  const { connection } = server;
  let walWriter: number | null = null;
  return {
    database: {
      address: connection,
      target: connection,
      through: (port) => ({ ...connection, host: '127.0.0.1', port }),
      close: async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    },
    start: async () => {
      server = await launch();
    },
    stop: () => server.stop(),
    holdBackWal: async () => {
      const sql = connect({ address: connection, applicationName: 'private server', max: 1 });
      const [row] = await sql<[{ pid: number }]>`SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'`;
      await sql.end();
      process.kill(row.pid, 'SIGSTOP');
      walWriter = row.pid;
    },
    crash: async () => {
      const [pid = ''] = (await readFile(join(server.folder, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGQUIT');
      if (walWriter !== null) process.kill(walWriter, 'SIGKILL');
      walWriter = null;
      // Without `stop`, the supervisor of the server would start it again.
      await server.stop();
    },
  };
}
