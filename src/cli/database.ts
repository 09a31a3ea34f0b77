import type { Config } from '../config/read-config.ts';
import { startEmbeddedPostgres } from '../embedded/start.ts';
import { connect, type Sql } from '../store/connect.ts';
import { readDaemonFile } from './daemon-file.ts';

interface PrivateAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The database of a daemon: the given one, or a private server that lives as long as this process. */
export type OpenedDatabase = {
  readonly close: () => Promise<void>;
  /** Resolves with the reason when a private server ends by itself. */
  readonly died: Promise<string> | null;
} & (
  | { readonly embedded: true; readonly address: PrivateAddress }
  | { readonly embedded: false; readonly address: { readonly url: string } }
);

/** @throws EngineError EMBEDDED_UNAVAILABLE, EMBEDDED_FAILED */
export async function openDatabase(options: {
  readonly config: Config;
  readonly folder: string;
  readonly log: { debug(fields: object, message: string): void };
  readonly signal: AbortSignal;
}): Promise<OpenedDatabase> {
  const { config, folder, log, signal } = options;
  if (config.databaseUrl !== null) {
    const address = { url: config.databaseUrl };
    return { embedded: false, address, died: null, close: () => Promise.resolve() };
  }
  const server = await startEmbeddedPostgres({ folder, signal, log: (line) => log.debug({ line }, 'postgres') });
  log.debug({ folder: server.folder, fresh: server.fresh }, 'database.private');
  return {
    embedded: true,
    address: server.connection,
    died: server.died.then(({ reason }) => `the private PostgreSQL ended: ${reason}`),
    close: () => server.stop(),
  };
}

/**
 * For commands that speak to the database: DATABASE_URL; else the private server of the daemon that runs in this folder;
 * else that server, started for the command.
 */
export async function withDatabase<T>(
  options: {
    readonly config: Config;
    readonly folder: string;
    readonly signal: AbortSignal;
    readonly command: string;
    /** Connections at most. Default 2. */
    readonly max?: number;
  },
  work: (sql: Sql, address: Parameters<typeof connect>[0]['address']) => Promise<T>,
): Promise<T> {
  const { config, folder, signal, command, max = 2 } = options;
  const running = config.databaseUrl === null ? await readDaemonFile(folder) : null;
  const opened =
    running?.database === undefined || !isAlive(running.pid)
      ? await openDatabase({ config, folder, signal, log: { debug: () => undefined } })
      : { address: running.database, close: () => Promise.resolve() };
  const sql = connect({
    address: opened.address,
    schema: config.schema,
    applicationName: `projectionist:${command}`,
    max,
  });
  try {
    return await work(sql, opened.address);
  } finally {
    await sql.end({ timeout: 5 });
    await opened.close();
  }
}

/** The file of a daemon that was killed stays behind. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}
