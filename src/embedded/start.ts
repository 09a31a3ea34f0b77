import { mkdir, realpath, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError, isEngineError } from '../core/errors.ts';
import { chooseInstallation } from './choose-installation.ts';
import { createDataFolder, dataArgument } from './data-folder.ts';
import { checkExistingData, closeToOthers, dataVersion } from './existing-data.ts';
import { readLock } from './lock.ts';
import { ownFolder, temporaryName } from './own-folder.ts';
import { type Server, ServerProcess } from './server.ts';
import { type ServerUser, serverUser } from './server-user.ts';
import { type Address, chooseAddress, serverArguments } from './settings.ts';
import { startWhenFree } from './start-when-free.ts';
import { type ServerChange, Supervisor } from './supervisor.ts';
import { whyFolder } from './why.ts';

export interface EmbeddedOptions {
  /** The data goes to `<folder>/postgres`. Created when missing. */
  readonly folder: string;
  /**
   * Settings of the server (`-c name=value`); they win over ours. TCP (`listen_addresses`) asks for a password. A server
   * that another process runs in this folder keeps its own.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** For tests: nothing is flushed to disk, and stop() removes the temporary folders. Default false. */
  readonly throwAway?: boolean;
  /** Where a PostgreSQL of the system is looked for, if the platform package does not do. Default wherever packagers put it. */
  readonly systemFolders?: readonly string[];
  /** Gets each line the server logs. It must not throw. */
  readonly log?: (line: string) => void;
  /** Called when the server has ended by itself, and when it runs again. It must not throw. */
  readonly onChange?: (change: ServerChange) => void;
  /** Gives up starting: what was started is stopped, the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** For the driver: a folder with a unix socket (Windows: 127.0.0.1 and a port), user postgres. Restarts keep it. */
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
  /** True when the server is another process's, which runs it in the same folder. When that one ends, ours takes over. */
  readonly adopted: boolean;
  /** Resolves when the server has ended and its data folder is gone; any other death is followed by a new start. */
  readonly died: Promise<{ readonly reason: string }>;
  /**
   * Fast shutdown: close your connections first, or they are cut. Every caller gets the same promise; it never
   * rejects and takes at most about 40 s: after 30 s the server gets the signal to stop without a checkpoint. An adopted server
   * is left running.
   */
  stop(): Promise<void>;
}

/**
 * Starts a private PostgreSQL that ends with this process, however that ends, and starts it again when it dies.
 * Takes about 1.5 s the first time, 0.1 s later; at most 120 s for initdb, 30 s for a server of ours that is still
 * shutting down, and 10 minutes for one that recovers from a crash.
 * @throws EngineError EMBEDDED_UNAVAILABLE when there are no binaries that run here,
 *   EMBEDDED_FAILED when the server did not start, for instance because of the folder: its message says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  options.signal?.throwIfAborted();
  try {
    return await start(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isEngineError(error)) throw error;
    const reason = whyFolder(error) ?? (error instanceof Error ? error.message : String(error));
    const [folder, why] = [options.folder, reason].map((text) => text.replaceAll(/\s*\n\s*/g, ' '));
    throw new EngineError('EMBEDDED_FAILED', { folder, reason: why }, { cause: error });
  }
}

/** What stays the same however often the server is started. */
interface Place {
  readonly dataFolder: string;
  readonly user: ServerUser;
  /** The start of the names of our temporary folders. */
  readonly temporary: string;
  readonly address: Address;
}

async function start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { folder, settings = {}, throwAway = false, signal } = options;
  // The server's lock file has a line for it.
  if (resolve(folder).includes('\n')) throw new Error('its path holds a line break: start in another folder');
  const created = await makeFolder(folder);
  // Resolved, so that every way to the folder leads to the same socket.
  const dataFolder = join(await realpath(folder), 'postgres');
  await checkExistingData(dataFolder);
  const user = await serverUser(dataFolder);
  const temporary = await temporaryName(dataFolder, user);
  const clean = () => (throwAway ? removeAll([temporary, librariesOf(temporary)]) : Promise.resolve());
  try {
    const empty = (await dataVersion(dataFolder)) === undefined;
    const place: Place = { dataFolder, user, temporary, address: await chooseAddress(temporary, settings) };
    if (empty) await create(place, options);
    const server = await launch(place, options, signal);
    // Two that start at the same time: the data is the other one's work.
    return running(server, { place, fresh: empty && !server.adopted }, options, clean);
  } catch (error) {
    // Unless another process's server is what kept ours from starting: it is using them.
    if ((await readLock(dataFolder)) === undefined) await clean();
    if (created !== undefined) await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

async function create({ dataFolder, user, temporary }: Place, options: EmbeddedOptions): Promise<void> {
  const { throwAway = false, systemFolders, signal } = options;
  const libraries = librariesOf(temporary);
  const installation = await chooseInstallation({ wanted: undefined, user, libraries, systemFolders, signal });
  await createDataFolder({ path: dataFolder, installation, user, throwAway, signal });
}

/** Everything is read again: temporary folders may have been cleaned, or packages updated, since the last start. */
async function launch(place: Place, options: EmbeddedOptions, signal: AbortSignal | undefined): Promise<Server> {
  const { dataFolder, user, temporary, address } = place;
  const { throwAway = false, settings = {}, systemFolders, log } = options;
  const wanted = await dataVersion(dataFolder);
  const libraries = librariesOf(temporary);
  if (wanted === undefined) throw new Error(`${dataFolder} is gone`);
  const installation = await chooseInstallation({ wanted, user, libraries, systemFolders, signal });
  await closeToOthers(dataFolder);
  await ownFolder(temporary, 0o700, user.kind === 'switch' ? user : undefined);
  const args = serverArguments(await dataArgument(dataFolder, user), address, { throwAway, settings });
  const { bin, environment } = installation;
  const program = join(bin, 'postgres');
  const process = () => new ServerProcess({ program, args, dataFolder, user, environment, log });
  return await startWhenFree({ launch: process, dataFolder, address, signal });
}

function running(
  server: Server,
  { place, fresh }: { readonly place: Place; readonly fresh: boolean },
  options: EmbeddedOptions,
  clean: () => Promise<void>,
): EmbeddedPostgres {
  const { dataFolder, address } = place;
  let lost: (end: { readonly reason: string }) => void = () => undefined;
  const died = new Promise<{ readonly reason: string }>((resolve) => {
    lost = resolve;
  });
  const supervisor = new Supervisor(server, {
    start: (signal) => launch(place, options, signal),
    // A new, empty one in its place would look as if every event had been lost.
    lost: async () => ((await dataVersion(dataFolder)) === undefined ? `${dataFolder} is gone` : null),
    onChange(change) {
      options.onChange?.(change);
      if (change.kind === 'lost') lost({ reason: change.reason });
    },
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= supervisor.stop().then(server.adopted ? undefined : clean);
    return stopped;
  };
  const connection = { ...address, user: 'postgres', database: 'postgres' };
  return { connection, folder: dataFolder, fresh, adopted: server.adopted, died, stop };
}

/** The folder that had to be made, undefined when it was there. */
async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    return await mkdir(folder, { recursive: true });
  } catch (error) {
    // On a read-only file system `recursive` says ENOENT of a parent that is there; this says why.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await mkdir(folder);
    throw error;
  }
}

function librariesOf(temporary: string): string {
  return `${temporary}-lib`;
}

async function removeAll(folders: readonly string[]): Promise<void> {
  await Promise.allSettled(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}
