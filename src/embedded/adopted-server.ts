import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Lock, readLock } from './lock.ts';
import type { Ended, Server } from './server.ts';
import type { Address } from './settings.ts';
import { delay, settlesWithin } from './wait.ts';

const LOOK_EVERY_MS = 250;
const CONNECTS_WITHIN_MS = 2_000;

/** The server of another process that runs in the same folder, such as a second daemon or a command. It is not ours to stop. */
export class AdoptedServer implements Server {
  readonly pid: number;
  readonly adopted = true;
  readonly exited: Promise<Ended>;
  readonly #leaving = new AbortController();

  constructor(dataFolder: string, { pid }: Lock) {
    this.pid = pid;
    this.exited = this.#watch(dataFolder);
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    await this.exited;
  }

  async #watch(dataFolder: string): Promise<Ended> {
    try {
      while ((await readLock(dataFolder))?.pid === this.pid) await delay(LOOK_EVERY_MS, this.#leaving.signal);
      return { how: 'the process that had started it has ended', output: '' };
    } catch {
      return { how: 'it was left to its process', output: '' };
    }
  }
}

/** Whether a server answers at the socket of this data folder: the socket's folder is named after the data folder. */
export async function canAdopt({ host, port }: Address): Promise<boolean> {
  const socket =
    process.platform === 'win32' ? createConnection(port, host) : createConnection(join(host, `.s.PGSQL.${port}`));
  const connected = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  try {
    return (await settlesWithin(connected, CONNECTS_WITHIN_MS)) && (await connected);
  } finally {
    socket.destroy();
  }
}
