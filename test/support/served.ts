import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDaemonFile } from '../../src/cli/daemon-file.ts';
import { stateFolder } from '../../src/cli/find-client.ts';
import { createControlApi } from '../../src/http/control-api.ts';
import type { Listening } from '../../src/http/listen.ts';
import type { Daemon, DaemonOptions, Projection } from '../../src/index.ts';
import { byApi, byCommandLine, type Operator, TOKEN, type Way } from './operators.ts';
import { openScene, type Scene } from './scene.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A scene whose daemon serves its control API on a port, and the folder in which the command line finds it. */
export interface Served extends AsyncDisposable {
  readonly scene: Scene;
  /** The daemon that was started last. */
  daemon(): Daemon;
  url(): string;
  readonly cwd: string;
  readonly ways: Readonly<Record<Way, Operator>>;
  start(): Promise<Daemon>;
  stop(): Promise<void>;
}

export async function openServed(
  projections: readonly Projection[],
  options: Partial<DaemonOptions> = {},
): Promise<Served> {
  const cwd = await mkdtemp(join(tmpdir(), 'served-'));
  const scene = await openScene(projections);
  let running: { readonly daemon: Daemon; readonly server: Listening } | null = null;
  const up = () => {
    if (running === null) throw new Error('the daemon has not been started');
    return running;
  };
  const url = () => up().server.url;
  return {
    scene,
    daemon: () => up().daemon,
    url,
    cwd,
    ways: { 'the API': byApi(url), 'the command line': byCommandLine(cwd) },
    start: async () => {
      const daemon = await scene.start(options);
      const settings = { token: TOKEN, host: '127.0.0.1', port: 0, version: '1' };
      const server = await createControlApi({ daemon, ...settings, log: QUIET }).listen();
      await writeDaemonFile(stateFolder(cwd), { url: server.url, token: TOKEN, pid: process.pid });
      running = { daemon, server };
      return daemon;
    },
    stop: async () => {
      await up().daemon.stop();
      await up().server.close(0);
    },
    [Symbol.asyncDispose]: async () => {
      await running?.server.close(0);
      await scene[Symbol.asyncDispose]();
      await rm(cwd, { recursive: true });
    },
  };
}
