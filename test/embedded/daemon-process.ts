import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readLock } from '../../src/embedded/lock.ts';
import { until } from '../../src/embedded/wait.ts';

export interface Said {
  readonly kind: 'ready' | 'drained' | 'cut' | 'failed' | 'ended' | 'running' | 'lost' | 'inserted';
  readonly fresh?: boolean;
  readonly adopted?: boolean;
  /** As server_version_num: 180004. */
  readonly version?: number;
  readonly encoding?: string;
  readonly rows?: number;
  readonly folder?: string;
  /** Process id of the server's checkpointer. */
  readonly checkpointer?: number;
  readonly connection?: { readonly host: string; readonly port: number; readonly user: string };
  readonly code?: string;
  readonly message?: string;
}

export interface DaemonOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly environment?: Record<string, string>;
  /** Words before `node`, such as ['unshare', '-rn']. */
  readonly wrapper?: readonly string[];
  readonly throwAway?: boolean;
  /** Default none: a PostgreSQL of this machine must not hide that the package's does not start. */
  readonly systemFolders?: readonly string[] | 'default';
  /**
   * What it says next has to come within so many milliseconds, before the test's own time is up. A start that makes its
   * data folder first, flushed to disk, takes two seconds at rest, and ten times as long where others want the machine.
   * Default 50000.
   */
  readonly saysWithinMs?: number;
}

/** daemon.mjs in a process group of its own, as a shell starts it. Disposing of it kills the whole group and sees the server off. */
export class DaemonProcess implements AsyncDisposable {
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly #child: ChildProcess;
  readonly #said: Said[] = [];
  readonly #log: string[] = [];
  readonly #folder: string;
  readonly #saysWithinMs: number;
  #over = false;
  /** Until it says otherwise: one that is killed early may have started it. */
  #ownsServer = true;

  constructor(program: string, folder: string, options: DaemonOptions = {}) {
    this.#folder = folder;
    const { uid, gid, environment = {}, wrapper = [], throwAway = true, systemFolders = [] } = options;
    this.#saysWithinMs = options.saysWithinMs ?? 50_000;
    const settings = { folder, throwAway, ...(systemFolders === 'default' ? {} : { systemFolders }) };
    const words = [...wrapper, process.execPath, join(program, 'daemon.mjs'), JSON.stringify(settings)];
    const [command = '', ...args] = words;
    const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
    const env = { PATH: process.env['PATH'] ?? '', ...environment };
    this.#child = spawn(command, args, { ...identity, cwd: program, env, detached: true });
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#note(JSON.parse(line) as Said));
    }
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', (line) => this.#log.push(line));
    this.ended = new Promise((resolve) => {
      this.#child.once('error', () => resolve(null));
      this.#child.once('close', (code, signal) => {
        this.#over = true;
        resolve(signal ?? code);
      });
    });
  }

  #note(said: Said): void {
    this.#said.push(said);
    if (said.kind === 'failed') this.#ownsServer = false;
    else if (said.adopted !== undefined) this.#ownsServer = !said.adopted;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What it says next of that kind, each thing once, or the failure it ended with. */
  async hears(kind: Said['kind']): Promise<Said> {
    const found = async () =>
      this.#said.find((said) => said.kind === kind || said.kind === 'failed') ?? (this.#over ? null : undefined);
    const said = await until(found, { withinMs: this.#saysWithinMs });
    if (said === undefined || said === null) {
      const what = said === null ? 'and it has ended' : `within ${this.#saysWithinMs / 1000} s`;
      throw new Error(`no '${kind}' came, ${what}:\n${this.#log.join('\n')}`);
    }
    if (said.kind !== 'failed') this.#said.splice(this.#said.indexOf(said), 1);
    return said;
  }

  tell(line: 'drain' | 'crash' | 'insert'): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** To the whole group, as the terminal does for Ctrl-C. */
  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It is gone already.
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const data = join(this.#folder, 'postgres');
    // One that failed has no server, one that adopted has another daemon's.
    const pid = this.#ownsServer ? (await readLock(data))?.pid : undefined;
    this.signalGroup('SIGKILL');
    await this.ended;
    if (pid === undefined) return;
    // Or the folder would be removed under a server that is still writing to it.
    await until(async () => ((await readLock(data))?.pid === pid ? undefined : true), { withinMs: 10_000 });
  }
}

/** True once no server holds the data folder. */
export async function serverIsGone(dataFolder: string, withinMs: number): Promise<boolean> {
  return (
    (await until(async () => ((await readLock(dataFolder)) === undefined ? true : undefined), { withinMs })) ?? false
  );
}
