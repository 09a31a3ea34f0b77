import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, isEngineError } from '../core/errors.ts';
import { findBinaries } from './binaries.ts';
import { createDataFolder, dataArgument, dataVersion } from './data-folder.ts';
import { type Installation, install } from './installation.ts';
import { readLock } from './lock.ts';
import { ownFolder, temporaryName } from './own-folder.ts';
import { run } from './run.ts';
import { ServerProcess } from './server.ts';
import { type ServerUser, serverUser } from './server-user.ts';
import { chooseAddress, serverArguments } from './settings.ts';
import { startWhenFree } from './start-when-free.ts';

export interface EmbeddedOptions {
  /** The data goes to `<folder>/postgres`. Created when missing. */
  readonly folder: string;
  /** Settings of the server (`-c name=value`); they win over ours. TCP (`listen_addresses`) asks for a password. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For tests: nothing is flushed to disk, and stop() removes the temporary folders. Default false. */
  readonly throwAway?: boolean;
  /** Gets each line the server logs. It must not throw. */
  readonly log?: (line: string) => void;
  /** Gives up starting: what was started is stopped, the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** Options for a client: a folder with a unix socket (Windows: 127.0.0.1 and a port), user postgres. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
  };
  /** The data folder. */
  readonly folder: string;
  /** True when this start created the data folder. */
  readonly fresh: boolean;
  /** Resolves when the server has ended though nobody called stop(), with how and its last log lines. */
  readonly died: Promise<{ readonly reason: string }>;
  /**
   * Fast shutdown: close your connections first, or they are cut. Every caller gets the same promise; it never
   * rejects and takes at most about 40 s: after 30 s the server is told to stop without a checkpoint.
   */
  stop(): Promise<void>;
}

/**
 * Starts a private PostgreSQL that ends with this process, however that ends.
 * Takes about 1.5 s the first time, 0.1 s later; at most 120 s for initdb, 30 s for a server of ours that is still
 * shutting down, and 60 s until it is ready.
 * @throws EngineError EMBEDDED_UNAVAILABLE when there are no binaries that run here,
 *   EMBEDDED_FAILED when the server did not start, for instance because another process uses the folder.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  options.signal?.throwIfAborted();
  try {
    return await start(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isEngineError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineError('EMBEDDED_FAILED', { folder: options.folder, reason }, { cause: error });
  }
}

async function start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { folder, settings = {}, throwAway = false, log, signal } = options;
  const binaries = await findBinaries();
  await mkdir(folder, { recursive: true });
  // Resolved, so that every way to the folder leads to the same socket.
  const dataFolder = join(await realpath(folder), 'postgres');
  const user = await serverUser(dataFolder);
  const temporary = await temporaryName(dataFolder, user);
  const libraries = `${temporary}-lib`;
  const clean = () => (throwAway ? removeAll([temporary, libraries]) : Promise.resolve());
  try {
    const installation = await install(binaries, libraries, user);
    const major = await majorVersion(installation, user, signal);
    const fresh = await prepareData(major, { path: dataFolder, installation, user, throwAway, signal });
    await ownFolder(temporary, 0o700, user.kind === 'switch' ? user : undefined);
    const address = await chooseAddress(temporary, settings);
    const args = serverArguments(await dataArgument(dataFolder, user), address, { throwAway, settings });
    const program = join(installation.bin, 'postgres');
    const { environment } = installation;
    const launch = () => new ServerProcess({ program, args, dataFolder, user, environment, log });
    const server = await startWhenFree(launch, dataFolder, signal);
    return running(server, { ...address, user: 'postgres', database: 'postgres' }, dataFolder, fresh, clean);
  } catch (error) {
    // Unless another process's server is what kept ours from starting: it is using them.
    if ((await readLock(dataFolder)) === undefined) await clean();
    throw error;
  }
}

function running(
  server: ServerProcess,
  connection: EmbeddedPostgres['connection'],
  folder: string,
  fresh: boolean,
  clean: () => Promise<void>,
): EmbeddedPostgres {
  const died = new Promise<{ readonly reason: string }>((resolve) => {
    void server.exited.then((reason) => {
      if (!server.stopRequested) resolve({ reason });
    });
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= server.stop().then(clean);
    return stopped;
  };
  return { connection, folder, fresh, died, stop };
}

/** Runs them once: on musl, on a noexec mount or without their libraries they are there and do not start. */
async function majorVersion(installation: Installation, user: ServerUser, signal: AbortSignal | undefined) {
  const { bin, environment } = installation;
  const options = { user, environment, cwd: bin, withinMs: 10_000, signal };
  try {
    const { code, output } = await run(join(bin, 'postgres'), ['--version'], options);
    const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
    if (code === 0 && major !== undefined) return Number(major);
    throw new Error(output);
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('EMBEDDED_UNAVAILABLE', { reason: `its binaries do not run: ${reason}` }, { cause });
  }
}

/** True when the folder was created now. Other majors' folders are left alone: upgrading is not ours to decide. */
async function prepareData(major: number, options: Parameters<typeof createDataFolder>[0]): Promise<boolean> {
  const fresh = (await dataVersion(options.path)) === undefined && (await createDataFolder(options));
  const found = await dataVersion(options.path);
  if (found === major) return fresh;
  throw new Error(`it was made by PostgreSQL ${found}, here is ${major}: set DATABASE_URL to a server of that version`);
}

async function removeAll(folders: readonly string[]): Promise<void> {
  await Promise.allSettled(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}
