import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Who runs the server. PostgreSQL refuses to run as root, so a daemon that is root needs another user:
 * - `self`: we are an ordinary user (or on Windows).
 * - `switch`: root gives the processes and the data folder to this user.
 * - `namespace`: root that can become no other user (a user namespace with one user in it), or a data folder that is
 *   root's: the server runs in a user namespace of its own, where root's files belong to `nobody`.
 */
export type ServerUser =
  | { readonly kind: 'self' }
  | { readonly kind: 'switch'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace' };

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly identity: { readonly uid?: number; readonly gid?: number };
}

const NOBODY = 65_534;

/** An existing data folder keeps its owner: the server refuses a folder that is not its own. */
export async function serverUser(dataFolder: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { kind: 'self' };
  const owner = await stat(join(dataFolder, 'PG_VERSION')).catch(() => undefined);
  if (owner !== undefined) {
    return owner.uid === 0 ? { kind: 'namespace' } : { kind: 'switch', uid: owner.uid, gid: owner.gid };
  }
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const chosen = account(accounts, 'postgres') ?? account(accounts, 'nobody') ?? { uid: NOBODY, gid: NOBODY };
  return (await isMapped(chosen.uid)) ? { kind: 'switch', ...chosen } : { kind: 'namespace' };
}

/** The command that runs `program` as that user. `unshare` execs it, so the process id stays the child's. */
export function asUser(user: ServerUser, program: string, args: readonly string[]): Command {
  if (user.kind === 'switch') return { program, args, identity: { uid: user.uid, gid: user.gid } };
  if (user.kind === 'self') return { program, args, identity: {} };
  const unshare = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--', program, ...args];
  return { program: 'unshare', args: unshare, identity: {} };
}

/**
 * Whether the user can walk down to the folder. Below a home with mode 0700, such as root's own, it cannot.
 * Access lists are not read: a user who is wrongly refused only costs a copy of the binaries.
 */
export async function canEnter(folder: string, user: ServerUser): Promise<boolean> {
  if (user.kind !== 'switch') return true;
  for (let step = await realpath(folder); ; step = dirname(step)) {
    const { mode, uid, gid } = await stat(step);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (step === dirname(step)) return true;
  }
}

function account(passwd: string, name: string): { uid: number; gid: number } | undefined {
  const [, , uid, gid] = (passwd.split('\n').find((line) => line.startsWith(`${name}:`)) ?? '').split(':');
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** In a user namespace setuid to a user outside of its map fails with EINVAL, as root too. */
async function isMapped(uid: number): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => undefined);
  if (map === undefined) return true;
  return map.split('\n').some((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return first !== undefined && count !== undefined && uid >= first && uid < first + count;
  });
}
