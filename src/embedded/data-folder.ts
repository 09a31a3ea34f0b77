import { access, chmod, chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Chosen } from './choose-installation.ts';
import { dataVersion } from './existing-data.ts';
import { processIsAlive } from './lock.ts';
import { run } from './run.ts';
import { canEnter, type ServerUser } from './server-user.ts';
import { whyOf } from './why.ts';

const INITDB_WITHIN_MS = 120_000;
const LEFTOVER_AFTER_MS = 600_000;

export interface DataFolderOptions {
  readonly path: string;
  readonly installation: Chosen;
  readonly user: ServerUser;
  readonly throwAway: boolean;
  readonly signal: AbortSignal | undefined;
}

/** PostgreSQL keeps paths in 1024 bytes, of which it needs some for the names below. */
const LONGEST_PATH = 900;

/**
 * The name under which the server finds its folder. It is started inside of it, so when the user cannot walk down
 * from the root (a project below /root) or the path is too long, the current folder is still open to it. Linux only.
 */
export async function dataArgument(path: string, user: ServerUser): Promise<string> {
  const short = Buffer.byteLength(path) <= LONGEST_PATH;
  if (short && (await canEnter(dirname(path), user))) return path;
  if (process.platform === 'linux') return '/proc/self/cwd';
  if (!short) throw new Error('its path is too long for PostgreSQL: start in another folder');
  throw new Error(`the user of the server cannot enter ${dirname(path)}: open its parents with chmod o+x`);
}

/**
 * Creates the data folder. initdb works beside it and one rename puts it in place: a start that was killed half-way
 * leaves nothing that looks like a database. When another process was faster, its folder stays and ours goes.
 */
export async function createDataFolder(options: DataFolderOptions): Promise<void> {
  await removeLeftovers(options.path);
  const half = `${options.path}.tmp-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  try {
    await mkdir(half, { mode: 0o700 });
    await chmod(half, 0o700);
    if (options.user.kind === 'switch') await chown(half, options.user.uid, options.user.gid);
    await initdb(half, options);
    await putInPlace(half, options.path);
    // Or a power cut could take the name back, and with it everything written since.
    if (!options.throwAway) await flushFolder(dirname(options.path));
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}

async function initdb(folder: string, { installation, user, throwAway, signal }: DataFolderOptions): Promise<void> {
  const program = join(installation.bin, 'initdb');
  const args = initdbArguments(await dataArgument(folder, user), installation.major, throwAway);
  const finished = await run(program, [...args], {
    user,
    environment: installation.environment,
    cwd: folder,
    withinMs: INITDB_WITHIN_MS,
    signal,
  });
  if (finished.code === 0) return;
  const cause = new Error(finished.output.slice(-2000));
  throw new Error(`initdb ended with ${finished.killedBy ?? finished.code}: ${whyOf(finished.output)}`, { cause });
}

/**
 * `--locale=C` beside the builtin provider, or an unknown LC_ALL still fails; and C alone would give SQL_ASCII.
 * The socket's folder has mode 0700, so no password is asked there. TCP, if it is switched on, asks for one: on
 * Windows there is no socket, so there it cannot.
 */
function* initdbArguments(folder: string, major: number, throwAway: boolean): Generator<string> {
  yield* ['-D', folder, '-U', 'postgres', '--no-instructions', '--encoding=UTF8', '--locale=C'];
  // Older ones know no provider of their own: there, upper and lower case are those of ASCII.
  if (major >= 17) yield* ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  yield '--auth-local=trust';
  yield process.platform === 'win32' ? '--auth-host=trust' : '--auth-host=scram-sha-256';
  if (throwAway) yield '--no-sync';
}

async function putInPlace(half: string, path: string): Promise<void> {
  try {
    await rename(half, path);
  } catch (error) {
    if ((await dataVersion(path)) !== undefined) return;
    const taken = await access(path).then(
      () => true,
      () => false,
    );
    throw taken ? new Error(`${path} is there and is not a PostgreSQL data folder: move it away`) : error;
  }
}

async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What a killed start left: its process is gone, or it is older than any initdb may take (process ids come again). */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.tmp-`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const leftover = join(dirname(path), name);
    const changed = await stat(leftover).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
    const old = Date.now() - changed > LEFTOVER_AFTER_MS;
    if (old || !processIsAlive(Number.parseInt(name.slice(prefix.length), 10))) {
      // Its initdb may still be writing for a moment; what cannot be removed now is for the next start.
      await rm(leftover, { recursive: true, force: true, maxRetries: 10 }).catch(() => undefined);
    }
  }
}
