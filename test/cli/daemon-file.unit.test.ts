import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createClient, findDaemon } from '../../src/cli/client.ts';
import {
  daemonFilePath,
  isRunning,
  readDaemonFile,
  removeDaemonFile,
  writeDaemonFile,
} from '../../src/cli/daemon-file.ts';

const FILE = { url: 'http://127.0.0.1:4567', token: 'file-token', pid: process.pid };

let folder: string;
beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'daemon-file-'));
  folder = join(parent, '.projectionist');
  onTestFinished(() => rm(parent, { recursive: true }));
});

describe('the daemon file', () => {
  it('can be read by its owner alone, and so can its folder', async () => {
    await writeDaemonFile(folder, FILE);
    expect((await stat(daemonFilePath(folder))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('replaces an older file with wider rights in one step', async () => {
    await mkdir(folder);
    await writeFile(daemonFilePath(folder), '{}', { mode: 0o644 });
    await writeDaemonFile(folder, FILE);
    expect((await stat(daemonFilePath(folder))).mode & 0o777).toBe(0o600);
    expect(await readDaemonFile(folder)).toEqual(FILE);
    expect(await readdir(folder)).toEqual(['daemon.json']);
  });

  it('leaves no temporary file when it cannot be written', async () => {
    await mkdir(daemonFilePath(folder), { recursive: true });
    await expect(writeDaemonFile(folder, FILE)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['daemon.json']);
  });

  it('may hold the address of the private database', async () => {
    const database = { host: '/tmp/x', port: 5432, user: 'postgres', database: 'p' };
    await writeDaemonFile(folder, { ...FILE, database });
    expect((await readDaemonFile(folder))?.database).toEqual(database);
  });

  it.each(['', '{', '[]', '{"url":"x","token":"t","pid":1}', '{"url":"http://x","token":"t","pid":-1}'])(
    'with invalid content counts as missing: %s',
    async (content) => {
      await mkdir(folder);
      await writeFile(daemonFilePath(folder), content);
      expect(await readDaemonFile(folder)).toBeNull();
    },
  );

  // Seen red with: the token left out of removeDaemonFile (in containers every daemon may be pid 1).
  it('is removed by the daemon that wrote it, not by another', async () => {
    await writeDaemonFile(folder, FILE);
    await removeDaemonFile(folder, { ...FILE, pid: process.pid + 1 });
    await removeDaemonFile(folder, { ...FILE, token: 'other' });
    expect(await readDaemonFile(folder)).toEqual(FILE);
    await removeDaemonFile(folder, FILE);
    expect(await readDaemonFile(folder)).toBeNull();
    await removeDaemonFile(folder, FILE);
  });

  it('distinguishes a process that runs from one that does not', () => {
    expect(isRunning(process.pid)).toBe(true);
    expect(isRunning(2 ** 30)).toBe(false);
  });
});

describe('finding the daemon', () => {
  it('uses the default address without a file', async () => {
    expect(await findDaemon({ env: {}, folder })).toEqual({ url: 'http://127.0.0.1:4400', token: null });
    expect(await findDaemon({ env: { PROJECTIONIST_TOKEN: 't' }, folder })).toEqual({
      url: 'http://127.0.0.1:4400',
      token: 't',
    });
  });

  it('uses the file, and its token unless the environment has one', async () => {
    await writeDaemonFile(folder, FILE);
    expect(await findDaemon({ env: {}, folder })).toEqual({ url: FILE.url, token: 'file-token' });
    expect(await findDaemon({ env: { PROJECTIONIST_TOKEN: 't' }, folder })).toEqual({ url: FILE.url, token: 't' });
  });

  it('sends the token of the file to the address of the file only', async () => {
    await writeDaemonFile(folder, FILE);
    expect(await findDaemon({ env: { PROJECTIONIST_URL: `${FILE.url}/` }, folder })).toEqual({
      url: FILE.url,
      token: 'file-token',
    });
    expect(await findDaemon({ env: { PROJECTIONIST_URL: 'http://other.test' }, folder })).toEqual({
      url: 'http://other.test',
      token: null,
    });
  });

  it('does not use the address of a daemon that has ended', async () => {
    await writeDaemonFile(folder, FILE);
    await expect(findDaemon({ env: {}, folder, isAlive: () => false })).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      fields: { url: FILE.url },
    });
  });

  it.each(['localhost:4400', 'ftp://x', 'nonsense'])('refuses PROJECTIONIST_URL=%s', async (url) => {
    await expect(findDaemon({ env: { PROJECTIONIST_URL: url }, folder })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('the client', () => {
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  }
  const signal = new AbortController().signal;

  it.each([
    ['text', 'hello'],
    ['other JSON', '{"hello":1}'],
  ])("refuses %s as a daemon's answer", async (_what, body) => {
    const url = await serve((_incoming, outgoing) => void outgoing.end(body));
    await expect(createClient({ url, token: null }).statuses(signal)).rejects.toMatchObject({ code: 'NOT_A_DAEMON' });
  });

  it('says what to do when nothing answers', async () => {
    const url = await serve((incoming) => void incoming.destroy());
    await expect(createClient({ url, token: null }).statuses(signal)).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      fields: { url },
    });
  });

  it('does not follow a redirect with the token', async () => {
    let reached = false;
    const other = await serve((_incoming, outgoing) => {
      reached = true;
      outgoing.end('{}');
    });
    const url = await serve((_incoming, outgoing) => void outgoing.writeHead(302, { location: other }).end());
    await expect(createClient({ url, token: 't' }).statuses(signal)).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
    });
    expect(reached).toBe(false);
  });

  it('ends at an abort', async () => {
    const url = await serve(() => undefined);
    const interrupted = AbortSignal.abort(new Error('interrupted'));
    await expect(createClient({ url, token: null }).statuses(interrupted)).rejects.toThrow('interrupted');
  });
});
