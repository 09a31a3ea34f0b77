import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, vi } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
export const MAIN = join(ROOT, 'dist/src/cli/main.js');
export const CONFIG = join(ROOT, 'dist/examples/dancefinder/projectionist.config.js');

/** A running program, with its output so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves when the program has ended and its output is complete. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/**
 * A folder like a clean checkout after `npm ci`, without `.projectionist`. The test removes it at the end.
 */
export async function checkout(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-checkout-'));
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const name of ['dist', 'node_modules']) await symlink(join(ROOT, name), join(folder, name));
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** The variables that a program needs. Settings in the environment of the test run are left out. */
function environment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), PORT: '0', LOG_LEVEL: 'warn', ...env };
}

const started = new Set<ChildProcess>();

/** Ends the programs that a failed test has left running, with their children. */
export function killAll(): void {
  for (const { pid } of started) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

/** Starts the program in a process group of its own, so that a test can send signals to the group. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
): Running {
  const child = spawn(command, args, { cwd: options.cwd, env: environment(options.env ?? {}), detached: true });
  started.add(child);
  child.once('exit', () => started.delete(child));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const ended = new Promise<Awaited<Running['ended']>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, out: () => out, err: () => err, ended };
}

/** Runs the command line until it ends. */
export async function projectionist(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const running = run(process.execPath, [MAIN, ...args], options);
  const { code } = await running.ended;
  return { code, out: running.out(), err: running.err() };
}

/** `projectionist start` with DanceFinder. */
export function startDanceFinder(args: readonly string[], options: Parameters<typeof run>[2]): Running {
  return run(process.execPath, [MAIN, 'start', '--config', CONFIG, ...args], options);
}

/** The path for the import in a config file that a test writes. */
export const PACKAGE_URL = pathToFileURL(join(ROOT, 'dist/src/index.js')).href;

/** `projectionist start` with a config file of the test's own. */
export function startProjections(config: string, options: Parameters<typeof run>[2]): Running {
  return run(process.execPath, [MAIN, 'start', '--config', config], options);
}

/** Waits until stdout matches. Rejects with the output when the program ends without a match. */
export async function untilSaid(running: Running, what: RegExp, timeout = 90_000): Promise<void> {
  const waiting = new AbortController();
  const said = vi.waitFor(
    () => {
      if (!waiting.signal.aborted) expect(running.out()).toMatch(what);
    },
    { timeout, interval: 25 },
  );
  const ended = running.ended.then(({ code, signal }) => {
    if (what.test(running.out())) return;
    throw new Error(
      `the program ended (${signal ?? `exit code ${code}`}) without saying ${what}:\n${running.out()}\n${running.err()}`,
    );
  });
  try {
    await Promise.race([said, ended]);
  } finally {
    // `waitFor` cannot be cancelled: its next try succeeds.
    waiting.abort();
    said.catch(() => undefined);
  }
}

/** True while the process exists. A zombie counts as ended. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
