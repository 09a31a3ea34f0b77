import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';
import type { Stage } from './fault-scene.ts';

/** Nothing writes its log to disk in the background: what is not flushed by a commit is lost in a crash. */
const SETTINGS = {
  wal_writer_delay: '10s',
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
  /** Immediate: what was not flushed is gone, as after a power cut. */
  crash(): Promise<void>;
}

/** Starts it; `stage.close` removes it. */
export async function startPrivateServer(): Promise<PrivateServer> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-faults-'));
  await chmod(folder, 0o711);
  const launch = () => startEmbeddedPostgres({ folder, throwAway: true, settings: SETTINGS });
  let server: EmbeddedPostgres = await launch();
  const { connection } = server;
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
    crash: async () => {
      const [pid = ''] = (await readFile(join(server.folder, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGQUIT');
      await server.died;
    },
  };
}
