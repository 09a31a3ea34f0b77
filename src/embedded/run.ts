import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { untilAborted } from '../core/signals.ts';
import { asUser, type ServerUser } from './server-user.ts';
import { type Bound, settlesWithin } from './wait.ts';

export interface RunOptions extends Bound {
  readonly user: ServerUser;
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface Finished {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
}

/** How long a program may take to end after SIGTERM, before it is killed. */
const ENDS_WITHIN_MS = 5_000;

/**
 * Runs a program to its end as the server's user.
 * Rejects when it cannot be started, and, once the program is gone, with the signal's reason or for being too slow.
 */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const command = asUser(options.user, program, args);
  const { environment: env, cwd } = options;
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(command.program, command.args, { ...command.identity, cwd, env, stdio, windowsHide: true });
  const closed = ending(child);
  const end = (): void => {
    child.kill('SIGTERM');
    void settlesWithin(closed, ENDS_WITHIN_MS).then((gone) => gone || child.kill('SIGKILL'));
  };
  return await untilAborted({ signals: [options.signal], ms: options.withinMs }, async (signal) => {
    signal.addEventListener('abort', end, { once: true });
    const finished = await closed;
    // Only now: the caller removes the folder next, to which the program was writing.
    signal.throwIfAborted();
    return finished;
  });
}

function ending(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Finished> {
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    // An 'error' event without a listener would end this process.
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve({ code, killedBy, output: output.trim() }));
  });
}
