import { createHash } from 'node:crypto';
import { access, chmod, constants, lchown, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { canEnter, type ServerUser } from './server-user.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included; a longer path is fatal. */
const SOCKET_PATH_LIMIT = process.platform === 'linux' ? 107 : 103;
const SOCKET_NAME_BYTES = '/.s.PGSQL.65535'.length;
/** LD_LIBRARY_PATH is divided at colons and semicolons; the rest means something to the shell that initdb uses. */
const NOT_PLAIN = /["$`\\\n:;]/;

/**
 * The start of the names of our temporary folders, one per data folder: the system's temporary folder, or /tmp when
 * that one is too deep for a socket or closed to the server's user.
 */
export async function temporaryName(dataFolder: string, user: ServerUser): Promise<string> {
  const name = `projectionist-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 8)}`;
  // The server works in its data folder, so a relative TMPDIR would be another folder there.
  for (const parent of [resolve(tmpdir()), '/tmp']) {
    const path = join(parent, name);
    const fits = !NOT_PLAIN.test(path) && Buffer.byteLength(path) + SOCKET_NAME_BYTES <= SOCKET_PATH_LIMIT;
    if (fits && (await usable(parent, user))) return path;
  }
  throw new Error(
    `no temporary folder is short enough for a socket and open to the server's user: set TMPDIR to one that is`,
  );
}

/** TMPDIR may name a folder that is gone, or that belongs to another user. */
async function usable(parent: string, user: ServerUser): Promise<boolean> {
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    return await canEnter(parent, user);
  } catch {
    return false;
  }
}

/**
 * Makes the folder, or takes it as it stands if it is ours. Anybody may write in a temporary folder, so a folder that
 * another user created there beforehand is refused: its owner could replace the socket or the libraries.
 */
export async function ownFolder(path: string, mode: number, owner?: { uid: number; gid: number }): Promise<void> {
  await mkdir(path, { mode }).catch(ignoreExisting);
  const found = await lstat(path);
  const allowed = [process.getuid?.(), owner?.uid];
  if (!found.isDirectory() || (process.getuid !== undefined && !allowed.includes(found.uid))) {
    throw new Error(`${path} belongs to another user: remove it`);
  }
  await chmod(path, mode);
  if (owner !== undefined) await lchown(path, owner.uid, owner.gid);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
