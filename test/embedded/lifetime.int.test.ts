import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processIsAlive, readLock } from '../../src/embedded/lock.ts';
import { settlesWithin, until } from '../../src/embedded/wait.ts';
import { DaemonProcess, serverIsGone } from './daemon-process.ts';
import { temporaryFolder } from './folder.ts';
import { buildProgram } from './program.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let program: string;

beforeAll(async () => {
  home = await temporaryFolder();
  program = await buildProgram(join(home.path, 'program'), 'linked');
});

afterAll(() => home[Symbol.asyncDispose]());

// Seen red with the watcher's loop taken out of the shell.
test('kill -9 of the daemon takes the server with it, and the next start has the data', async () => {
  await using folder = await temporaryFolder();
  await using first = new DaemonProcess(program, folder.path, { throwAway: false });
  const { folder: data = '', fresh } = await first.hears('ready');
  expect(fresh).toBe(true);
  first.signal('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  expect(await serverIsGone(data, 5_000)).toBe(true);

  await using second = new DaemonProcess(program, folder.path);
  expect(await second.hears('ready')).toMatchObject({ kind: 'ready', fresh: false, rows: 2 });
  second.tell('drain');
  expect(await second.ended).toBe(0);
});

// Seen red with both waitUntilFree and the retry taken out of startWhenFree: the lock file stops the second start.
test('a start after kill -9 waits for an old server that takes its time to leave', async () => {
  await using folder = await temporaryFolder();
  await using first = new DaemonProcess(program, folder.path);
  const { folder: data = '', checkpointer = 0 } = await first.hears('ready');
  // Without its checkpointer a server cannot finish: it stays in `stopping`.
  process.kill(checkpointer, 'SIGSTOP');
  try {
    first.signal('SIGKILL');
    const stopping = async () => ((await readLock(data))?.status === 'stopping' ? true : undefined);
    expect(await until(stopping, { withinMs: 5_000 })).toBe(true);
    await using second = new DaemonProcess(program, folder.path);
    const ready = second.hears('ready');
    expect(await settlesWithin(ready, 1_500)).toBe(false);
    process.kill(checkpointer, 'SIGCONT');
    expect(await ready).toMatchObject({ kind: 'ready', rows: 2 });
    second.tell('drain');
    expect(await second.ended).toBe(0);
  } finally {
    if (processIsAlive(checkpointer)) process.kill(checkpointer, 'SIGCONT');
  }
});

// Seen red without `detached`.
test('Ctrl-C reaches the daemon alone: what it still writes is written', async () => {
  await using folder = await temporaryFolder();
  await using daemon = new DaemonProcess(program, folder.path);
  const { folder: data = '' } = await daemon.hears('ready');
  daemon.signalGroup('SIGINT');
  expect(await daemon.hears('drained')).toMatchObject({ kind: 'drained' });
  expect(await daemon.ended).toBe(0);
  expect(await readLock(data)).toBeUndefined();
});

// Seen red with the watcher's loop taken out of the shell.
test('an uncaught exception of the daemon takes the server with it', async () => {
  await using folder = await temporaryFolder();
  await using daemon = new DaemonProcess(program, folder.path);
  const { folder: data = '' } = await daemon.hears('ready');
  daemon.tell('crash');
  expect(await daemon.ended).toBe(1);
  expect(await serverIsGone(data, 5_000)).toBe(true);
});

// Seen red with initdb working in the data folder itself.
test('a daemon killed while it creates the database leaves nothing that looks like one', async () => {
  await using folder = await temporaryFolder();
  await using first = new DaemonProcess(program, folder.path);
  const half = async () => {
    for (const name of await readdir(folder.path)) {
      if ((await readdir(join(folder.path, name))).includes('PG_VERSION')) return name;
    }
    return undefined;
  };
  expect(await until(half, { withinMs: 20_000 })).toMatch(/^postgres\.tmp-/);
  first.signal('SIGKILL');
  await first.ended;
  await using second = new DaemonProcess(program, folder.path);
  expect(await second.hears('ready')).toMatchObject({ kind: 'ready', fresh: true, rows: 1 });
  expect(await readdir(folder.path)).toEqual(['postgres']);
  second.tell('drain');
  expect(await second.ended).toBe(0);
});
