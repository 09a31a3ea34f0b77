import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { asUser, type ServerUser } from './server-user.ts';
import { settlesWithin } from './wait.ts';

export interface ServerOptions {
  /** The `postgres` program and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly dataFolder: string;
  readonly user: ServerUser;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: ((line: string) => void) | undefined;
}

/** How a server ended, and its last log lines. */
export interface Ended {
  readonly how: string;
  readonly output: string;
}

/** A server that holds the data folder and takes connections. */
export interface Server {
  readonly pid: number | undefined;
  /** It is another process's. */
  readonly adopted: boolean;
  /** Always resolves. */
  readonly exited: Promise<Ended>;
  /** Ends it if it is ours. Never rejects. */
  stop(): Promise<void>;
}

const FAST_SHUTDOWN_MS = 30_000;
const IMMEDIATE_SHUTDOWN_MS = 10_000;
const LAST_LINES_MS = 500;
const KEPT_LINES = 20;

/**
 * Ties the server's life to ours. `read` waits on a pipe whose other end we hold: however this process ends, kill -9
 * included, the kernel closes it, and the server is shut down (fast, after 30 s without waiting). The lock file is
 * compared because the id may belong to another process by then; it may also not be written yet, hence the loop.
 * The subshell in between matters: a child that the server did not start itself and that dies looks like a crash.
 */
const DIE_WITH_US = `
(
  (
    read -r nothing <&3
    tries=0
    while [ "$tries" -lt 60 ] && kill -0 "$$"; do
      holder=
      read -r holder < postmaster.pid
      if [ "$tries" -lt 30 ]; then signal=INT; else signal=QUIT; fi
      if [ "$holder" = "$$" ]; then kill "-$signal" "$$"; fi
      tries=$((tries + 1))
      sleep 1
    done
  ) > /dev/null 2>&1 &
)
exec "$@" 3<&-
`;

/** One postmaster that we started. */
export class ServerProcess implements Server {
  readonly adopted = false;
  readonly exited: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  #stopped: Promise<void> | undefined;
  #running = true;

  constructor(options: ServerOptions) {
    this.#child = spawnServer(options);
    this.#follow(this.#child.stderr, options.log);
    this.exited = this.#watchExit();
  }

  /** The postmaster's own: the shell that prepares it becomes it. Undefined when it could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Fast shutdown: clients are sent away, the data is flushed. Never rejects; at most about 40 s. */
  stop(): Promise<void> {
    this.#stopped ??= this.#shutDown();
    return this.#stopped;
  }

  async #shutDown(): Promise<void> {
    this.#child.kill('SIGINT');
    if (await settlesWithin(this.exited, FAST_SHUTDOWN_MS)) return;
    // Not SIGKILL: it would leave backends behind that keep the next start out of the folder.
    this.#child.kill('SIGQUIT');
    await settlesWithin(this.exited, IMMEDIATE_SHUTDOWN_MS);
  }

  #watchExit(): Promise<Ended> {
    return new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#running = false;
        resolve({ how, output: this.#lastLines.join('\n') });
      };
      // Without a listener a failed spawn would end this process.
      this.#child.once('error', (error) => ended(error.message));
      this.#child.once('exit', (code, signal) => {
        // Ends the shell that waits on the pipe.
        for (const stream of this.#child.stdio) if (stream !== this.#child.stderr) stream?.destroy();
        const how = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
        // 'close' comes after the last line was read, but not while a backend left behind holds stderr.
        const lastLine = new Promise<void>((read) => this.#child.once('close', () => read()));
        void settlesWithin(lastLine, LAST_LINES_MS).then(() => ended(how));
      });
    });
  }

  /** The pipe is always read: a full one would block the server in the middle of a log line. */
  #follow(stream: Readable | null, log: ((line: string) => void) | undefined): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
      log?.(line);
    });
  }
}

/** `detached`: a process group of its own, so that Ctrl-C in the terminal leaves the database to our own shutdown. */
function spawnServer({ program, args, dataFolder, user, environment }: ServerOptions): ChildProcess {
  const command = asUser(user, program, args);
  const options = { ...command.identity, cwd: dataFolder, env: environment, windowsHide: true } as const;
  if (process.platform === 'win32') {
    // Not tested on Windows: no pipe watcher there, and kill() is a hard stop, followed by recovery at the next start.
    return spawn(command.program, command.args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  }
  return spawn('/bin/sh', ['-c', DIE_WITH_US, 'sh', command.program, ...command.args], {
    ...options,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
}
