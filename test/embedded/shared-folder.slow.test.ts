import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processIsAlive, readLock } from '../../src/embedded/lock.ts';
import { DaemonProcess } from './daemon-process.ts';
import { temporaryFolder } from './folder.ts';
import { buildProgram } from './program.ts';

/** Several daemons, or a daemon and a command, on the same folder: one runs the server, the others use it. */
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let program: string;

beforeAll(async () => {
  home = await temporaryFolder();
  program = await buildProgram(join(home.path, 'program'), 'linked');
});

afterAll(() => home[Symbol.asyncDispose]());

const DURABLE = { throwAway: false } as const;

async function serverOf(folder: string): Promise<number> {
  return (await readLock(join(folder, 'postgres')))?.pid ?? 0;
}

async function drained(daemon: DaemonProcess): Promise<void> {
  daemon.tell('drain');
  expect(await daemon.hears('drained')).toMatchObject({ kind: 'drained' });
  expect(await daemon.ended).toBe(0);
}

// Seen red with AdoptedServer left out of startWhenFree: the slower one failed.
test('two daemons that start on a new folder at once share one server and its data', async () => {
  await using folder = await temporaryFolder();
  await using first = new DaemonProcess(program, folder.path, DURABLE);
  await using second = new DaemonProcess(program, folder.path, DURABLE);
  const both = await Promise.all([first.hears('ready'), second.hears('ready')]);
  expect(both.map(({ adopted }) => adopted).toSorted()).toEqual([false, true]);
  expect(both.map(({ fresh }) => fresh).toSorted()).toEqual([false, true]);
  expect(both.map(({ rows }) => rows).toSorted()).toEqual([1, 2]);
  expect(both[0].connection).toEqual(both[1].connection);
});

// Seen red with stop() of AdoptedServer that ends the process.
test('a daemon that stops leaves a server that is not its own running', async () => {
  await using folder = await temporaryFolder();
  await using first = new DaemonProcess(program, folder.path, DURABLE);
  await first.hears('ready');
  const server = await serverOf(folder.path);
  await using second = new DaemonProcess(program, folder.path, DURABLE);
  expect(await second.hears('ready')).toMatchObject({ kind: 'ready', adopted: true });
  await drained(second);
  expect(await serverOf(folder.path)).toBe(server);
  await drained(first);
  expect(processIsAlive(server)).toBe(false);
});

// Seen red with AdoptedServer.exited that never resolves, and with a Supervisor that gives up when it was not first.
test.each(['SIGKILL', 'SIGTERM'] as const)(
  'when the daemon that runs the server ends (%s), one of the others takes it over, and none loses data',
  async (signal) => {
    await using folder = await temporaryFolder();
    await using first = new DaemonProcess(program, folder.path, DURABLE);
    await first.hears('ready');
    await using second = new DaemonProcess(program, folder.path, DURABLE);
    await using third = new DaemonProcess(program, folder.path, DURABLE);
    const others = [second, third];
    for (const other of others) expect(await other.hears('ready')).toMatchObject({ kind: 'ready', adopted: true });
    first.signal(signal);
    await first.ended;
    for (const other of others) expect(await other.hears('ended')).toMatchObject({ kind: 'ended' });
    for (const other of others) other.tell('insert');
    for (const other of others) expect(await other.hears('inserted')).toMatchObject({ kind: 'inserted' });
    const running = await Promise.all(others.map((other) => other.hears('running')));
    expect(running.map(({ adopted }) => adopted).toSorted()).toEqual([false, true]);
    await using fourth = new DaemonProcess(program, folder.path, DURABLE);
    // Three at their start, two told to insert, the drain of one that could, and its own.
    expect(await fourth.hears('ready')).toMatchObject({ kind: 'ready', rows: signal === 'SIGTERM' ? 7 : 6 });
  },
);

// Seen red with canAdopt that always says yes: it went to a socket that nobody has.
test('a server at another address is refused in one line that says who has the folder', async () => {
  await using folder = await temporaryFolder();
  const elsewhere = join(home.path, 'elsewhere');
  await mkdir(elsewhere, { mode: 0o777 });
  await using first = new DaemonProcess(program, folder.path, { ...DURABLE, environment: { TMPDIR: elsewhere } });
  await first.hears('ready');
  await using second = new DaemonProcess(program, folder.path, DURABLE);
  expect(await second.hears('ready')).toMatchObject({
    code: 'EMBEDDED_FAILED',
    message: `the private PostgreSQL in ${folder.path} did not start: another process uses it (its server has process id ${await serverOf(folder.path)}): stop that one`,
  });
  await drained(first);
});
