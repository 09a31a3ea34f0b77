import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PLATFORM_PACKAGE } from '../../src/embedded/binaries.ts';
import { readLock } from '../../src/embedded/lock.ts';
import { serverUser } from '../../src/embedded/server-user.ts';
import { installHint } from '../../src/embedded/system-binaries.ts';
import { DaemonProcess } from './daemon-process.ts';
import { temporaryFolder } from './folder.ts';
import { buildProgram, putBrokenPackage } from './program.ts';

/** `nobody` on Linux: an account without a home, a shell or a group of its own. */
const NOBODY = 65_534;
/** Root that can become others: in a user namespace with one user in it, it cannot. */
const IS_ROOT = (await serverUser('/no/such/folder')).kind === 'switch';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let program: string;

beforeAll(async () => {
  home = await temporaryFolder();
  program = await buildProgram(join(home.path, 'pro:gram'), 'copied');
});

afterAll(async () => {
  await chmod(join(program, 'node_modules', PLATFORM_PACKAGE, 'native/lib'), 0o755);
  await home[Symbol.asyncDispose]();
});

async function twoStarts(folder: string, options: ConstructorParameters<typeof DaemonProcess>[2]): Promise<void> {
  for (const [fresh, rows] of [
    [true, 1],
    [false, 3],
  ]) {
    await using daemon = new DaemonProcess(program, folder, options);
    expect(await daemon.hears('ready')).toMatchObject({ kind: 'ready', fresh, rows });
    daemon.tell('drain');
    expect(await daemon.ended).toBe(0);
  }
}

// Seen red without LD_LIBRARY_PATH. The colon in the program's path is red when that path is in LD_LIBRARY_PATH.
test('the package works as npm leaves it without install scripts, in an odd locale', async () => {
  expect(await readdir(join(program, 'node_modules', PLATFORM_PACKAGE, 'native/lib'))).not.toContain('libicuuc.so.60');
  await using folder = await temporaryFolder();
  await twoStarts(folder.path, {
    environment: { LC_ALL: 'de_DE.UTF-8', TZ: 'Asia/Kolkata', PGPORT: '1', PGDATA: '/' },
  });
});

describe.runIf(IS_ROOT)('as root', () => {
  test('an ordinary user can run it with nothing but a folder of its own', async () => {
    await using folder = await temporaryFolder(0o700);
    await chown(folder.path, NOBODY, NOBODY);
    await twoStarts(folder.path, { uid: NOBODY, gid: NOBODY, environment: { HOME: folder.path } });
    expect((await stat(join(folder.path, 'postgres'))).uid).toBe(NOBODY);
  });

  // Seen red with the binaries used in place, and with the path of the data folder in -D.
  test('the whole project may lie in a folder that only root can enter', async () => {
    await chmod(home.path, 0o700);
    try {
      const folder = join(home.path, 'data');
      await twoStarts(folder, {});
      expect((await stat(join(folder, 'postgres'))).uid).not.toBe(0);
    } finally {
      await chmod(home.path, 0o755);
    }
  });

  // Seen red without the chmod of the links' folder: the server's user does not find its libraries.
  test('a umask that leaves others nothing does no harm', async () => {
    await using folder = await temporaryFolder();
    await twoStarts(join(folder.path, 'data'), { wrapper: ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'] });
  });

  // Seen red with the user postgres for every folder.
  test('an existing data folder keeps its owner', async () => {
    await using folder = await temporaryFolder();
    await chown(folder.path, NOBODY, NOBODY);
    const options = { uid: NOBODY, gid: NOBODY };
    await using first = new DaemonProcess(program, folder.path, options);
    await first.hears('ready');
    first.tell('drain');
    expect(await first.ended).toBe(0);
    await using second = new DaemonProcess(program, folder.path);
    expect(await second.hears('ready')).toMatchObject({ kind: 'ready', fresh: false });
    second.tell('drain');
    expect(await second.ended).toBe(0);
    expect((await stat(join(folder.path, 'postgres'))).uid).toBe(NOBODY);
  });
});

describe.runIf(canUnshare())('in a user namespace whose only user is root', () => {
  // Seen red without isMapped: chown and setuid fail with EINVAL.
  test('it works, without any network as well', async () => {
    await using folder = await temporaryFolder();
    await twoStarts(folder.path, { wrapper: ['unshare', '--map-root-user', '--net'] });
  });
});

test('a missing platform package is said so, and nothing is created', async () => {
  await using folder = await temporaryFolder();
  const bare = await buildProgram(join(folder.path, 'program'), 'bare');
  await using daemon = new DaemonProcess(bare, join(folder.path, 'data'));
  expect(await daemon.hears('ready')).toMatchObject({
    code: 'EMBEDDED_UNAVAILABLE',
    message: `no PostgreSQL to start here (${PLATFORM_PACKAGE} is not installed, and this machine has no PostgreSQL of its own): install one (${await installHint()}), or set DATABASE_URL to one of yours`,
  });
  expect(await readdir(folder.path)).toEqual(['program']);
});

// A missing loader is what musl shows: the file is there, and exec says ENOENT.
// Seen red without the listener for 'error' in run().
test.each([
  ['whose loader is missing', '#!/lib/no-such-loader\n', 0o755],
  ['that may not be executed', '#!/bin/sh\n', 0o644],
  ['that ends with an error', '#!/bin/sh\necho GLIBC_2.99 not found >&2; exit 1\n', 0o755],
])('a postgres %s is unavailable, not a crash', async (_, text, mode) => {
  await using folder = await temporaryFolder();
  const broken = await buildProgram(join(folder.path, 'program'), 'bare');
  await putBrokenPackage(broken, text, mode);
  await using daemon = new DaemonProcess(broken, join(folder.path, 'data'));
  expect(await daemon.hears('ready')).toMatchObject({
    code: 'EMBEDDED_UNAVAILABLE',
    message: expect.stringContaining(`${PLATFORM_PACKAGE} cannot be used: `),
  });
});

// Seen red without the limit in temporaryName.
test('a temporary folder that is too deep for a socket is not used', async () => {
  await using folder = await temporaryFolder();
  const deep = join(folder.path, 'd'.repeat(90));
  await mkdir(deep);
  await using daemon = new DaemonProcess(program, folder.path, { environment: { TMPDIR: deep } });
  expect((await daemon.hears('ready')).connection?.host).toMatch(/^\/tmp\/projectionist-[0-9a-f]{8}$/);
  daemon.tell('drain');
  expect(await daemon.ended).toBe(0);
});

// Seen red with the installation chosen at the first start only: the server did not find its libraries.
test('temporary folders that somebody has tidied away are made again when the server is started again', async () => {
  await using folder = await temporaryFolder();
  await using daemon = new DaemonProcess(program, folder.path, { throwAway: false });
  const { connection, folder: data = '' } = await daemon.hears('ready');
  const { pid = 0 } = (await readLock(data)) ?? {};
  for (const path of [connection?.host ?? '', `${connection?.host}-lib`]) await rm(path, { recursive: true });
  process.kill(pid, 'SIGKILL');
  expect(await daemon.hears('running')).toMatchObject({ kind: 'running', adopted: false });
  daemon.tell('insert');
  expect(await daemon.hears('inserted')).toMatchObject({ kind: 'inserted' });
});

// Seen red without the check of the owner in ownFolder.
test('a socket folder that somebody else put there beforehand is refused', async () => {
  await using folder = await temporaryFolder();
  await using temporary = await temporaryFolder();
  const options = { environment: { TMPDIR: temporary.path } };
  await using first = new DaemonProcess(program, folder.path, { ...options, throwAway: false });
  const { connection } = await first.hears('ready');
  first.tell('drain');
  expect(await first.ended).toBe(0);
  const socketFolder = connection?.host ?? '';
  expect(socketFolder.startsWith(temporary.path)).toBe(true);
  await rm(socketFolder, { recursive: true });
  await symlink(folder.path, socketFolder);
  await using second = new DaemonProcess(program, folder.path, options);
  expect(await second.hears('ready')).toMatchObject({
    code: 'EMBEDDED_FAILED',
    message: expect.stringContaining('belongs to another user'),
  });
});

function canUnshare(): boolean {
  try {
    execFileSync('unshare', ['--map-root-user', '--net', 'unshare', '--user', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
