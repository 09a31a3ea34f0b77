import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLock } from '../../src/embedded/lock.ts';
import { serverUser } from '../../src/embedded/server-user.ts';
import { type DaemonOptions, DaemonProcess } from './daemon-process.ts';
import { temporaryFolder } from './folder.ts';
import { buildProgram } from './program.ts';
import { query, started } from './server.ts';

const NOBODY = 65_534;
const IS_ROOT = (await serverUser('/no/such/folder')).kind === 'switch';
const AS_NOBODY = { uid: NOBODY, gid: NOBODY } as const;

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let program: string;

beforeAll(async () => {
  home = await temporaryFolder();
  // Whatever a shell would make something of.
  program = await buildProgram(join(home.path, `it's "a" $HOME \`b\``), 'copied');
});

afterAll(async () => {
  execFileSync('chmod', ['-R', 'u+w', program]);
  await home[Symbol.asyncDispose]();
});

async function runs(folder: string, options: DaemonOptions = {}): Promise<void> {
  await using daemon = new DaemonProcess(program, folder, options);
  expect(await daemon.hears('ready')).toMatchObject({ kind: 'ready', encoding: 'UTF8' });
  daemon.tell('drain');
  expect(await daemon.ended).toBe(0);
}

/** One line, with what it says about the folder. */
async function refusal(folder: string, options: DaemonOptions = {}): Promise<string> {
  await using daemon = new DaemonProcess(program, folder, options);
  const said = await daemon.hears('ready');
  expect(said).toMatchObject({ kind: 'failed', code: 'EMBEDDED_FAILED', message: expect.stringMatching(/^[^\n]+$/) });
  return said.message ?? '';
}

// Seen red with the package used in place below such a path (initdb gives it to a shell), and with the long path in -D.
test.each([
  ['quotes, dollars, commas and letters from everywhere', () => `d "q" 'a' $x, \`b\` \\ åäö 舞 💃`],
  ['1200 bytes', () => Array.from({ length: 12 }, (_, index) => `${index}`.padEnd(100, 'd')).join('/')],
])('the path of the data may hold %s', async (_, name) => {
  await using folder = await temporaryFolder();
  await runs(join(folder.path, name()));
});

test('a path with a line break is refused, and nothing is left there', async () => {
  await using folder = await temporaryFolder();
  expect(await refusal(join(folder.path, 'two\nlines'))).toContain('its path holds a line break');
  expect(await readdir(folder.path)).toEqual([]);
});

// Seen red with unix_socket_directories unquoted (a list of two folders), and with a relative TMPDIR taken as it comes.
test.each([
  ['with commas and spaces in its name is used', () => join(home.path, 'a, b'), () => join(home.path, 'a, b')],
  ['that is relative is used', () => '..', () => home.path],
  ['that means something to a shell is not', () => join(home.path, 'a"b'), () => '/tmp'],
  ['that is not there is not', () => join(home.path, 'gone'), () => '/tmp'],
])('a temporary folder %s', async (name, given, used) => {
  await using folder = await temporaryFolder();
  if (!name.includes('not there')) await mkdir(resolve(program, given()), { recursive: true });
  await using daemon = new DaemonProcess(program, folder.path, { environment: { TMPDIR: given() } });
  expect(dirname((await daemon.hears('ready')).connection?.host ?? '')).toBe(used());
});

// No HOME and no locale at all is what every other test here has.
test.each([
  [{ LANG: 'xx_XX', LC_ALL: '' }],
  [{ LC_ALL: 'C' }],
  [{ LC_ALL: 'nonsense', LANG: 'sv_SE.ISO-8859-1', HOME: '/no/such/home' }],
])('the database is UTF-8 with %o', async (environment) => {
  await using folder = await temporaryFolder();
  await runs(folder.path, { environment });
});

// Seen red without closeToOthers: "data directory has invalid permissions".
test('a folder that was copied under an ordinary umask is closed to others and used', async () => {
  await using folder = await temporaryFolder();
  await runs(folder.path, { throwAway: false });
  await chmod(join(folder.path, 'postgres'), 0o755);
  await runs(folder.path);
  expect((await stat(join(folder.path, 'postgres'))).mode & 0o777).toBe(0o700);
});

describe.runIf(IS_ROOT)('as root', () => {
  test('an ordinary user gets a line that says which folder may not be written to', async () => {
    await using folder = await temporaryFolder(0o555);
    expect(await refusal(join(folder.path, 'data'), AS_NOBODY)).toMatch(
      /user 65534 may not write to .*\/data: give it/,
    );
    await chmod(folder.path, 0o755);
    await mkdir(join(folder.path, 'data'));
    expect(await refusal(join(folder.path, 'data'), AS_NOBODY)).toMatch(/user 65534 may not write to .*: give it/);
  });

  // Seen red without the check of the owner: initdb ran, and then something was "not a PostgreSQL data folder".
  test('an ordinary user gets a line that says whose the data is', async () => {
    await using folder = await temporaryFolder();
    await runs(folder.path, { throwAway: false });
    await chown(folder.path, NOBODY, NOBODY);
    await chown(join(folder.path, 'postgres'), 4711, 4711);
    expect(await refusal(folder.path, AS_NOBODY)).toContain('its data belongs to user 4711, and this is user 65534');
  });

  describe.runIf(canMount())('on a file system of its own', () => {
    const mounted = (options: string, folder: string) => [
      ...['unshare', '--mount', '/bin/sh', '-c'],
      `folder=$1; shift; mount -t tmpfs -o ${options} none "$folder" && exec "$@"`,
      ...['sh', folder],
    ];

    test('a read-only one is refused', async () => {
      await using folder = await temporaryFolder();
      const wrapper = mounted('ro,mode=755', folder.path);
      expect(await refusal(join(folder.path, 'data'), { wrapper })).toContain('is on a read-only file system');
    });

    // Seen red with the last error taken: "cannot abort transaction 1, it was already committed".
    test.each(['1m', '20m'])('a full one (%s) is refused, saying that there is no space', async (size) => {
      await using folder = await temporaryFolder();
      const wrapper = mounted(`size=${size},mode=755`, folder.path);
      expect(await refusal(folder.path, { wrapper })).toMatch(/no space left|could not (write|extend)/i);
    });
  });
});

test('a file where the folder should be is refused and kept', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'data'), 'keep me');
  expect(await refusal(join(folder.path, 'data'))).toContain('is a file where a folder is needed');
  expect(await readFile(join(folder.path, 'data'), 'utf8')).toBe('keep me');
});

// Seen red without checkExistingData: "made by PostgreSQL NaN", and a riddle of the server.
test.each([
  ['an empty PG_VERSION', 'PG_VERSION is empty', (data: string) => writeFile(join(data, 'PG_VERSION'), '')],
  ['no global/pg_control', 'global/pg_control is missing', (data: string) => rm(join(data, 'global/pg_control'))],
])('a folder that a power cut left with %s is refused and left as it is', async (_, why, cut) => {
  await using folder = await temporaryFolder();
  await using first = await started({ folder: folder.path });
  await first.stop();
  await cut(first.folder);
  const before = await readdir(first.folder);
  await expect(started({ folder: folder.path })).rejects.toMatchObject({
    code: 'EMBEDDED_FAILED',
    message: expect.stringContaining(`is not whole (${why}): restore a backup, or move it away`),
  });
  expect(await readdir(first.folder)).toEqual(before);
});

test('an empty folder in the place of the data, and one left half by a killed initdb, are no obstacle', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'postgres'));
  const half = join(folder.path, `postgres.tmp-${await deadPid()}-abcdef`);
  await mkdir(half);
  await writeFile(join(half, 'PG_VERSION'), '18\n');
  await using server = await started({ folder: folder.path });
  expect(server.fresh).toBe(true);
  expect(await readdir(folder.path)).toEqual(['postgres']);
});

test('the lock file of a server that was killed together with everything else is no obstacle', async () => {
  await using folder = await temporaryFolder();
  await using first = await started({ folder: folder.path, throwAway: false });
  const lock = await readFile(join(first.folder, 'postmaster.pid'), 'utf8');
  await first.stop();
  await writeFile(join(first.folder, 'postmaster.pid'), lock.replace(/^\d+/, String(await deadPid())));
  await using second = await started({ folder: folder.path });
  expect([second.fresh, second.adopted]).toEqual([false, false]);
});

// Seen red without worksIn: it waited for the other folder's server, and refused.
test('a lock file whose process id now belongs to the server of another folder is no obstacle', async () => {
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  await using stranger = await started({ folder: other.path });
  await using first = await started({ folder: folder.path });
  await first.stop();
  const { pid = 0 } = (await readLock(stranger.folder)) ?? {};
  const { host, port } = first.connection;
  const text = [pid, first.folder, 1, port, host, '', '', 'ready', ''].join('\n');
  await writeFile(join(first.folder, 'postmaster.pid'), text);
  await using second = await started({ folder: folder.path });
  expect(second.adopted).toBe(false);
  expect(await query(stranger, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

// Seen red without lc_messages among our settings: what the server says could not be read.
test('the language that a folder was made with is not that of the messages that are read here', async () => {
  await using folder = await temporaryFolder();
  await using first = await started({ folder: folder.path });
  await first.stop();
  await appendFile(join(first.folder, 'postgresql.conf'), "\nlc_messages = 'POSIX'\n");
  await using second = await started({ folder: folder.path });
  expect(await query(second, 'SHOW lc_messages')).toEqual([{ lc_messages: 'C' }]);
});

/** A process id that nobody has: its process has just ended. */
async function deadPid(): Promise<number> {
  const child = spawn('true', { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
