import { access, chmod, cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PlatformPackage } from './binaries.ts';
import { ownFolder } from './own-folder.ts';
import { canEnter, type ServerUser } from './server-user.ts';

/** Binaries that the server's user can execute, with their libraries. */
export interface Installation {
  readonly bin: string;
  /** The whole environment of every PostgreSQL process: nothing of ours leaks in, no odd LC_ALL, no PG* variable. */
  readonly environment: Readonly<Record<string, string>>;
}

const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } as const;

/** A PostgreSQL of the system is whole where it is. */
export function inPlace(bin: string): Installation {
  return { bin, environment: ENVIRONMENT };
}

/**
 * Makes the package usable without writing into it: node_modules may be read-only.
 * `folder` is a folder of ours; it must not belong to the server's user, or that user could make root write elsewhere.
 */
export async function install(binaries: PlatformPackage, folder: string, user: ServerUser): Promise<Installation> {
  await ownFolder(folder, 0o755);
  const native = (await usableInPlace(binaries, user)) ? binaries.native : await copy(binaries, folder);
  if (process.platform !== 'linux') return inPlace(join(native, 'bin'));
  const libraries = join(folder, `links-${binaries.version}`);
  await linkLibraries(binaries, native, libraries);
  return { bin: join(native, 'bin'), environment: { ...ENVIRONMENT, LD_LIBRARY_PATH: libraries } };
}

/** initdb puts the path of `postgres` between double quotes and gives that to a shell. */
const NOT_FOR_A_SHELL = /["$`\\\n]/;

/**
 * macOS takes DYLD_LIBRARY_PATH away from everything that passes through /bin/sh, as initdb does, so there the links
 * have to be beside the libraries. (Not tested on macOS.)
 */
async function usableInPlace(binaries: PlatformPackage, user: ServerUser): Promise<boolean> {
  if (process.platform !== 'win32' && NOT_FOR_A_SHELL.test(binaries.native)) return false;
  if (!(await canEnter(join(binaries.native, 'bin'), user))) return false;
  if (process.platform !== 'darwin') return true;
  const present = binaries.links.map(({ link }) => access(join(binaries.native, link)));
  return (await Promise.allSettled(present)).every(({ status }) => status === 'fulfilled');
}

/** Copies the 61 MB once; the rename makes a copy that exists a whole one. */
async function copy(binaries: PlatformPackage, folder: string): Promise<string> {
  const native = join(folder, `native-${binaries.version}`);
  if (await exists(native)) return native;
  const half = `${native}.tmp-${process.pid}`;
  await rm(half, { recursive: true, force: true });
  await cp(binaries.native, half, { recursive: true, verbatimSymlinks: true });
  // The copy of a read-only folder is one too.
  await chmod(join(half, 'lib'), 0o755);
  for (const { file, link } of binaries.links) await replaceLink(basename(file), join(half, link));
  await rename(half, native).catch(async (error: unknown) => {
    await rm(half, { recursive: true, force: true });
    if (!(await exists(native))) throw error;
  });
  return native;
}

/**
 * Every library under every name it is asked for. initdb does not look beside itself, hence all of them; and the path
 * to node_modules might hold a colon, which LD_LIBRARY_PATH cannot express, hence links and not that path.
 */
async function linkLibraries(binaries: PlatformPackage, native: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // A umask such as 077 would keep the server's user out.
  await chmod(folder, 0o755);
  for (const name of await readdir(join(native, 'lib'))) {
    if (name.includes('.so')) await replaceLink(join(native, 'lib', name), join(folder, name));
  }
  for (const { file, link } of binaries.links) await replaceLink(join(native, file), join(folder, basename(link)));
}

/** In one step: a server that is starting may be looking for it. */
async function replaceLink(to: string, path: string): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  await rm(fresh, { force: true });
  await symlink(to, fresh);
  await rename(fresh, path);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
