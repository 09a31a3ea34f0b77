import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { readDaemonFile, writeDaemonFile } from '../../src/cli/daemon-file.ts';
import { announceDaemon } from '../../src/cli/start/announce-daemon.ts';
import { capturingLog } from '../support/scene.ts';

let folder: string;
beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'announce-'));
  folder = join(parent, '.projectionist');
  onTestFinished(() => rm(parent, { recursive: true }));
});

/** A server that answers like a daemon. */
async function answering(): Promise<{ url: string; close(): void }> {
  const server = createServer((_incoming, outgoing) => void outgoing.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, close };
}

const OWN = { url: 'http://127.0.0.1:1', token: 'own', pid: process.pid };
/** Another process that certainly runs. */
const OTHER = { token: 'other', pid: process.ppid };

// Seen red with: otherDaemonIn not called (the second one overwrote the file, and removed it at its end).
test('a second daemon leaves the file to the first, and writes its own after the end of the first', async () => {
  const first = await answering();
  await writeDaemonFile(folder, { ...OTHER, url: first.url });
  const log = capturingLog();
  const withdraw = await announceDaemon(folder, OWN, { log, tryAgainMs: 5 });
  expect(await readDaemonFile(folder)).toEqual({ ...OTHER, url: first.url });
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { other: { pid: OTHER.pid, url: first.url } } }]);
  first.close();
  await vi.waitFor(async () => expect(await readDaemonFile(folder)).toEqual(OWN), { timeout: 10_000, interval: 5 });
  await withdraw();
  expect(await readDaemonFile(folder)).toBeNull();
});

test('a second daemon that ends before the first leaves its file there', async () => {
  const first = await answering();
  await writeDaemonFile(folder, { ...OTHER, url: first.url });
  const withdraw = await announceDaemon(folder, OWN, { log: capturingLog() });
  await withdraw();
  expect(await readDaemonFile(folder)).toEqual({ ...OTHER, url: first.url });
});

test.each([
  ['a process that has ended', { ...OTHER, pid: 2 ** 30, url: 'http://127.0.0.1:2' }],
  ['a process whose pid another process has now', { ...OTHER, url: 'http://127.0.0.1:2' }],
  ['an earlier container with the same pid', { ...OTHER, pid: process.pid, url: 'http://127.0.0.1:2' }],
  ['an earlier daemon at this address', { ...OTHER, url: OWN.url }],
])('the file of %s is replaced', async (_what, stale) => {
  await writeDaemonFile(folder, stale);
  const log = capturingLog();
  const withdraw = await announceDaemon(folder, OWN, { log });
  expect(await readDaemonFile(folder)).toEqual(OWN);
  await withdraw();
  expect(log.lines).toEqual([]);
});

// Seen red with: the catch in announce left out. (ENOTDIR is one that root meets as well, unlike EACCES.)
test('a folder that cannot be written is a warning, at the start and at the end', async () => {
  await writeFile(folder, 'a file where a folder is needed');
  const log = capturingLog();
  const withdraw = await announceDaemon(folder, OWN, { log });
  await withdraw();
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { reason: expect.stringMatching(/ENOTDIR|EEXIST/) } }]);
});
