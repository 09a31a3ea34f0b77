import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { writeDaemonFile } from '../../src/cli/daemon-file.ts';
import { stateFolder } from '../../src/cli/find-client.ts';
import { createControlApi } from '../../src/http/control-api.ts';
import { FakeDaemon } from '../http/fake-daemon.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Serves the real control API of this daemon on a free port, and writes the daemon file of the folder. */
export async function serveIn(cwd: string, daemon: FakeDaemon, token: string): Promise<() => Promise<void>> {
  const options = { daemon, token, host: '127.0.0.1', port: 0, version: '1', log: LOG };
  const server = await createControlApi(options).listen();
  onTestFinished(() => server.close(0));
  await writeDaemonFile(stateFolder(cwd), { url: server.url, token, pid: process.pid });
  return () => server.close(0);
}

/** A temporary folder with a daemon, for the running test. */
export async function daemonIn(): Promise<{ cwd: string; daemon: FakeDaemon; close: () => Promise<void> }> {
  const cwd = await mkdtemp(join(tmpdir(), 'client-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const daemon = new FakeDaemon();
  return { cwd, daemon, close: await serveIn(cwd, daemon, 't0ken') };
}
