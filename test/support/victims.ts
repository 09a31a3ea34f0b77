import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { VictimMessage, VictimOrder, VictimPlan } from './victim-plan.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

/** Child processes that run a compiled daemon of this checkout, which starts in a fraction of a second. */
export interface Victims extends AsyncDisposable {
  start(plan: VictimPlan): Victim;
}

export interface Victim {
  readonly messages: readonly VictimMessage[];
  /** Resolves when the daemon runs, or when the process has ended before. */
  readonly started: Promise<void>;
  /** The signal that ended the process; null when it exited. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly stderr: string }>;
  order(order: VictimOrder): void;
  kill(): void;
}

/** Compiles the victim into a folder. Disposal ends every running process and removes the folder. */
export async function compileVictims(): Promise<Victims> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-victim-'));
  const running = new Set<ChildProcess>();
  const dispose = async () => {
    await Promise.all([...running].map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const project = join(folder, 'tsconfig.json');
    await writeFile(
      project,
      JSON.stringify({
        extends: join(ROOT, 'tsconfig.json'),
        compilerOptions: {
          noEmit: false,
          rootDir: ROOT,
          outDir: folder,
          typeRoots: [join(ROOT, 'node_modules/@types')],
        },
        files: [join(ROOT, 'test/support/victim.ts')],
        include: [],
      }),
    );
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await symlink(join(ROOT, 'sql'), join(folder, 'sql'));
    await promisify(execFile)(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project]);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    start: (plan) => startVictim(join(folder, 'test/support/victim.js'), plan, running),
    [Symbol.asyncDispose]: dispose,
  };
}

function startVictim(script: string, plan: VictimPlan, running: Set<ChildProcess>): Victim {
  // The child must not inherit the options of the test runner, which would load its hooks.
  const child = fork(script, [JSON.stringify(plan)], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  running.add(child);
  const messages: VictimMessage[] = [];
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    running.delete(child);
    return { code: code as number | null, signal: signal as string | null, stderr };
  });
  const started = new Promise<void>((resolve) => {
    child.on('message', (message: VictimMessage) => {
      messages.push(message);
      if (message.kind === 'started') resolve();
    });
    void ended.then(() => resolve());
  });
  return {
    messages,
    started,
    ended,
    // A message to a process that was just killed cannot be sent, which is no error here.
    order: (order) => void (child.connected && child.send(order, () => undefined)),
    kill: () => void child.kill('SIGKILL'),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
