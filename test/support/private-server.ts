import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import { connect } from '../../src/postgres/pool.ts';
import type { Stage } from './fault-scene.ts';

/** Commits are flushed, to survive a crash of the server; nothing else flushes at a moment of its own. */
const SETTINGS = {
  synchronous_commit: 'on',
  bgwriter_lru_maxpages: '0',
  autovacuum: 'off',
  log_min_messages: 'PANIC',
};

/** A PostgreSQL of one test, which may stop it, kill it and start it again. */
export interface PrivateServer {
  readonly stage: Stage;
  start(): Promise<void>;
  /** Fast: clients are sent away, everything is kept. */
  stop(): Promise<void>;
  /**
   * From now on nothing is flushed but by commits that ask for it: the WAL writer stands still. End with `crash`; an
   * orderly stop would wait for it.
   */
  holdBackWal(): Promise<void>;
  /** Immediate: what was not flushed is gone, as after a power cut. */
  crash(): Promise<void>;
}

/** Starts it; `stage.close` removes it. */
export async function startPrivateServer(settings: Readonly<Record<string, string>> = {}): Promise<PrivateServer> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-faults-'));
  await chmod(folder, 0o711);
  const launch = () => startEmbeddedPostgres({ folder, throwAway: true, settings: { ...SETTINGS, ...settings } });
  let server: EmbeddedPostgres = await launch();
  const { connection } = server;
  let walWriter: number | null = null;
  return {
    stage: {
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
      // Whoever watches over it would start it again by itself.
      await server.stop();
    },
  };
}
