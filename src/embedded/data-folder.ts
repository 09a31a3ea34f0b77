import { access, chmod, chown, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Installation } from './installation.ts';
import { processIsAlive } from './lock.ts';
import { run } from './run.ts';
import { canEnter, type ServerUser } from './server-user.ts';

const INITDB_WITHIN_MS = 120_000;
const LEFTOVER_AFTER_MS = 600_000;

export interface DataFolderOptions {
  readonly path: string;
  readonly installation: Installation;
  readonly user: ServerUser;
  readonly throwAway: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The major version that made the data folder, undefined when there is none yet. */
export async function dataVersion(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/**
 * The name under which the server finds its folder. It is started inside of it, so when the user cannot walk down
 * from the root (a project below /root), the current folder is still open to it. Linux only.
 */
export async function dataArgument(path: string, user: ServerUser): Promise<string> {
  if (await canEnter(dirname(path), user)) return path;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw new Error(`the user of the server cannot enter ${dirname(path)}: open its parents with chmod o+x`);
}

/**
 * Creates the data folder. initdb works beside it and one rename puts it in place: a start that was killed half-way
 * leaves nothing that looks like a database. True when it is ours, false when another process was faster.
 */
export async function createDataFolder(options: DataFolderOptions): Promise<boolean> {
  await removeLeftovers(options.path);
  const half = `${options.path}.tmp-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  try {
    await mkdir(half, { mode: 0o700 });
    await chmod(half, 0o700);
    if (options.user.kind === 'switch') await chown(half, options.user.uid, options.user.gid);
    await initdb(half, options);
    return await putInPlace(half, options.path);
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}

async function initdb(folder: string, { installation, user, throwAway, signal }: DataFolderOptions): Promise<void> {
  const program = join(installation.bin, 'initdb');
  const finished = await run(program, [...initdbArguments(await dataArgument(folder, user), throwAway)], {
    user,
    environment: installation.environment,
    cwd: folder,
    withinMs: INITDB_WITHIN_MS,
    signal,
  });
  if (finished.code === 0) return;
  throw new Error(`initdb ended with ${finished.killedBy ?? finished.code}: ${finished.output.slice(-2000)}`);
}

/**
 * `--locale=C` beside the builtin provider, or an unknown LC_ALL still fails; and C alone would give SQL_ASCII.
 * The socket's folder has mode 0700, so no password is asked there. TCP, if it is switched on, asks for one: on
 * Windows there is no socket, so there it cannot.
 */
function* initdbArguments(folder: string, throwAway: boolean): Generator<string> {
  yield* ['-D', folder, '-U', 'postgres', '--no-instructions', '--encoding=UTF8', '--locale=C'];
  yield* ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--auth-local=trust'];
  yield process.platform === 'win32' ? '--auth-host=trust' : '--auth-host=scram-sha-256';
  if (throwAway) yield '--no-sync';
}

async function putInPlace(half: string, path: string): Promise<boolean> {
  try {
    await rename(half, path);
    return true;
  } catch (error) {
    if ((await dataVersion(path)) !== undefined) return false;
    const taken = await access(path).then(
      () => true,
      () => false,
    );
    throw taken ? new Error(`${path} is there and is not a PostgreSQL data folder: move it away`) : error;
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
