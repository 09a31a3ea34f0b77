import type { Config } from '../config/read-config.ts';
import { startEmbeddedPostgres } from '../embedded/start.ts';
import type { ServerChange } from '../embedded/supervisor.ts';
import { connect, type Sql } from '../postgres/pool.ts';
import { isRunning, readDaemonFile } from './daemon-file.ts';

interface PrivateAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The database of a daemon: that of DATABASE_URL, or a private server that ends with this process. */
export type OpenedDatabase = {
  readonly close: () => Promise<void>;
  /** Resolves with the reason when a private server has ended and cannot be started again. Null without a private server. */
  readonly died: Promise<string> | null;
  /** Why a private server does not run at this moment; null while it runs. */
  readonly databaseError: () => string | null;
} & (
  | { readonly embedded: true; readonly address: PrivateAddress }
  | { readonly embedded: false; readonly address: { readonly url: string } }
);

interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** @throws EngineError EMBEDDED_UNAVAILABLE, EMBEDDED_FAILED */
export async function openDatabase(options: {
  readonly config: Config;
  readonly folder: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<OpenedDatabase> {
  const { config, folder, log, signal } = options;
  if (config.databaseUrl !== null) {
    const address = { url: config.databaseUrl };
    return { embedded: false, address, died: null, databaseError: () => null, close: () => Promise.resolve() };
  }
  let databaseError: string | null = null;
  const server = await startEmbeddedPostgres({
    folder,
    signal,
    log: (line) => log.debug({ line }, 'postgres'),
    onChange: (change) => {
      databaseError = logChange(change, log);
    },
  });
  const { folder: data, fresh, adopted } = server;
  log.debug({ folder: data, fresh, adopted }, 'database.private');
  return {
    embedded: true,
    address: server.connection,
    died: server.died.then(({ reason }) => `the private PostgreSQL ended: ${reason}`),
    databaseError: () => databaseError,
    close: () => server.stop(),
  };
}

/** @returns the error that status shows until the next change; null while the server runs */
function logChange(change: ServerChange, log: Log): string | null {
  const { kind, ...fields } = change;
  log[kind === 'running' ? 'info' : 'warn'](fields, `database.private-${kind}`);
  return change.kind === 'running' ? null : `the private PostgreSQL has ended and is started again: ${change.reason}`;
}

/**
 * Runs the work of a command on the database of DATABASE_URL; else on the private server of the daemon that runs in this
 * folder; else on a private server that is started for the command.
 */
export async function withDatabase<T>(
  options: {
    readonly config: Config;
    readonly folder: string;
    readonly signal: AbortSignal;
    /** Name of the command, for `application_name`. */
    readonly command: string;
    /** Connections at most. Default 2. */
    readonly max?: number;
  },
  work: (sql: Sql, address: Parameters<typeof connect>[0]['address']) => Promise<T>,
): Promise<T> {
  const { config, folder, signal, command, max = 2 } = options;
  const daemon = config.databaseUrl === null ? await readDaemonFile(folder) : null;
  const opened =
    // The file of a daemon that was killed is still there.
    daemon?.database === undefined || !isRunning(daemon.pid)
      ? await openDatabase({ config, folder, signal, log: silent })
      : { address: daemon.database, close: () => Promise.resolve() };
  const sql = connect({
    address: opened.address,
    schema: config.schema,
    extensionSchemas: config.extensionSchemas,
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
