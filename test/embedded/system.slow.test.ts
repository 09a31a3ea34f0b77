import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findPlatformPackage, PLATFORM_PACKAGE } from '../../src/embedded/binaries.ts';
import { findSystemFolders } from '../../src/embedded/system-binaries.ts';
import { DaemonProcess } from './daemon-process.ts';
import { temporaryFolder } from './folder.ts';
import { buildProgram, putBrokenPackage, serverMajor } from './program.ts';

/** A PostgreSQL of this machine whose major is not the package's. */
const packaged = (await findPlatformPackage())?.major ?? 0;
const folders = await findSystemFolders();
const majors = await Promise.all(folders.map(serverMajor));
const index = majors.findIndex((major) => major >= 14 && major !== packaged);
const ofSystem = folders[index] ?? '';
const major = majors[index] ?? 0;
if (index === -1) process.stderr.write(`skipped: no PostgreSQL of this machine beside version ${packaged}\n`);

/** A test here starts up to four servers, one after the other, each with its data flushed. */
vi.setConfig({ testTimeout: 300_000 });

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let whole: string;
let bare: string;

beforeAll(async () => {
  home = await temporaryFolder();
  whole = await buildProgram(join(home.path, 'whole'), 'linked');
  bare = await buildProgram(join(home.path, 'bare'), 'bare');
});

afterAll(() => home[Symbol.asyncDispose]());

/** Starts on the folder and drains; what it said when it was ready, or why it was not. */
async function oneStart(program: string, folder: string, systemFolders: readonly string[]) {
  await using daemon = new DaemonProcess(program, folder, { systemFolders, throwAway: false, saysWithinMs: 100_000 });
  const said = await daemon.hears('ready');
  if (said.kind === 'failed') return said;
  daemon.tell('drain');
  expect(await daemon.ended).toBe(0);
  return { ...said, major: Math.floor((said.version ?? 0) / 10_000) };
}

describe.runIf(index !== -1)('with a PostgreSQL of this machine', () => {
  // Seen red with the package as the only candidate.
  test('it is used where there is no package, as it is found, the first time and the second', async () => {
    await using folder = await temporaryFolder();
    await using daemon = new DaemonProcess(bare, folder.path, { systemFolders: 'default' });
    expect(await daemon.hears('ready')).toMatchObject({ kind: 'ready', fresh: true, rows: 1 });
    daemon.tell('drain');
    expect(await daemon.ended).toBe(0);
    const made = Number(await readFile(join(folder.path, 'postgres/PG_VERSION'), 'utf8'));
    expect(majors).toContain(made);
    expect(await oneStart(bare, folder.path, folders)).toMatchObject({ fresh: false, rows: 3, major: made });
  });

  // Seen red with a package that does not run ending the search. This is Alpine after `apk add postgresql`.
  test('it is used where the package does not run', async () => {
    await using folder = await temporaryFolder();
    const program = await buildProgram(join(folder.path, 'program'), 'bare');
    await putBrokenPackage(program, '#!/lib/no-such-loader\n');
    expect(await oneStart(program, join(folder.path, 'data'), [ofSystem])).toMatchObject({ major, fresh: true });
  });

  // Seen red with `wanted` ignored: the package's version refused the folder.
  test('the version that made the data runs it, also where a newer one is at hand', async () => {
    await using folder = await temporaryFolder();
    expect(await oneStart(bare, folder.path, [ofSystem])).toMatchObject({ major, fresh: true });
    expect(await oneStart(whole, folder.path, [ofSystem])).toMatchObject({ major, fresh: false, rows: 3 });
    expect(await oneStart(whole, folder.path, [])).toMatchObject({
      code: 'EMBEDDED_FAILED',
      message: expect.stringMatching(
        new RegExp(
          `: it was made by PostgreSQL ${major}, and here is ${packaged} \\(${PLATFORM_PACKAGE}\\): install PostgreSQL ${major}, or set DATABASE_URL`,
        ),
      ),
    });
    expect(await oneStart(bare, folder.path, [ofSystem])).toMatchObject({ fresh: false, rows: 5 });
  });

  test('data of the package is refused without it, naming what is here, and left as it is', async () => {
    await using folder = await temporaryFolder();
    expect(await oneStart(whole, folder.path, [])).toMatchObject({ major: packaged });
    const before = await readdir(join(folder.path, 'postgres'));
    const refused = await oneStart(bare, folder.path, [ofSystem]);
    expect(refused).toMatchObject({ code: 'EMBEDDED_FAILED' });
    expect(refused.message).toContain(`made by PostgreSQL ${packaged}, and here is ${major} (${ofSystem}): install`);
    expect(await readdir(join(folder.path, 'postgres'))).toEqual(before);
    expect(await oneStart(whole, folder.path, [])).toMatchObject({ fresh: false, rows: 3 });
  });

  // Seen red with the builtin provider asked of every version.
  test('a locale that is nowhere installed changes nothing about its database', async () => {
    await using folder = await temporaryFolder();
    const environment = { LC_ALL: 'xx_XX.UTF-8', LANG: 'xx_XX' };
    await using daemon = new DaemonProcess(bare, folder.path, { systemFolders: [ofSystem], environment });
    expect(await daemon.hears('ready')).toMatchObject({ kind: 'ready', encoding: 'UTF8' });
    daemon.tell('drain');
    expect(await daemon.ended).toBe(0);
  });
});

test('a version that is too old for the engine is not taken for a new folder', async () => {
  await using folder = await temporaryFolder();
  const old = await fakeServer(join(folder.path, 'old'), 'echo "postgres (PostgreSQL) 13.22"');
  const refused = await oneStart(bare, join(folder.path, 'data'), [old]);
  expect(refused).toMatchObject({ code: 'EMBEDDED_UNAVAILABLE' });
  expect(refused.message).toContain(`PostgreSQL 13 (${old}) is too old`);
  expect((await readdir(folder.path)).toSorted()).toEqual(['old']);
});

// Seen red with relative entries followed, and with a folder taken as often as links lead to it.
test('servers are found on PATH and by pg_config, each once, and never in a relative folder', async () => {
  await using folder = await temporaryFolder();
  const real = await fakeServer(join(folder.path, 'real'), 'exit 0');
  const links = join(folder.path, 'links');
  await mkdir(links);
  for (const name of ['initdb', 'postgres']) await symlink(join(real, name), join(links, name));
  const clientOnly = join(folder.path, 'client');
  await mkdir(clientOnly);
  await writeFile(join(clientOnly, 'initdb'), '#!/bin/sh\n', { mode: 0o755 });
  const elsewhere = await fakeServer(join(folder.path, 'elsewhere'), 'exit 0');
  await writeFile(join(clientOnly, 'pg_config'), `#!/bin/sh\necho '${elsewhere}'\n`, { mode: 0o755 });
  const near = relative(process.cwd(), await fakeServer(join(folder.path, 'near'), 'exit 0'));
  const found = await findSystemFolders([clientOnly, near, '', links, real].join(':'));
  expect(found.slice(0, 2)).toEqual([real, elsewhere]);
  expect(found.filter((one) => one === real)).toHaveLength(1);
  expect(new Set(found).size).toBe(found.length);
});

/** Programs that say this and can do nothing. */
async function fakeServer(folder: string, script: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of ['initdb', 'postgres']) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}
