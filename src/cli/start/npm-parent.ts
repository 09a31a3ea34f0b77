import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const EVERY_MS = 1_000;

/** The part of the process that is needed. */
interface Child {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As it is now: another one after the parent's death. */
  readonly ppid: number;
}

/** How another process was started, and by which one. */
export interface ProcessInfo {
  readonly command: string;
  readonly ppid: number;
}

export interface NpmParentOptions {
  readonly child: Child;
  /** The npm that started this process has ended. */
  readonly onEnded: () => void;
  /** Null: there is no such process, or it cannot be seen. Default that of the system. */
  readonly infoOf?: (pid: number) => ProcessInfo | null;
  readonly isAlive?: (pid: number) => boolean;
  /** Default 1000. */
  readonly everyMs?: number;
}

/**
 * npx starts a program by way of `sh -c`, which SIGTERM ends and the program outlives; SIGKILL of npm ends neither. Only
 * where nothing but that shell stands between: what a script starts by `setsid`, `nohup` or `&` is to outlive npm.
 * @returns the way to end it
 */
export function watchNpmParent(options: NpmParentOptions): () => void {
  const { child, onEnded, infoOf = processInfo, isAlive = exists, everyMs = EVERY_MS } = options;
  const parent = child.ppid;
  const npm = isDetached(child.env['npm_lifecycle_script']) ? null : findNpm(parent, infoOf);
  if (npm === null) return () => undefined;
  const timer = setInterval(() => {
    if (child.ppid === parent && isAlive(npm)) return;
    clearInterval(timer);
    onEnded();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Not run by npm at all, or into the background. */
function isDetached(script: string | undefined): boolean {
  return script === undefined || /\b(?:setsid|nohup)\b|(?<![&>])&(?![&>\d])/.test(script);
}

/** npm shows itself as `npm exec …`, also where it was called as npx. */
function findNpm(parent: number, infoOf: (pid: number) => ProcessInfo | null): number | null {
  const isNpm = (info: ProcessInfo | null): boolean => info !== null && /^np[mx]\b/.test(info.command);
  const shell = infoOf(parent);
  if (isNpm(shell)) return parent;
  if (shell === null || !/^\S*sh -c /.test(shell.command)) return null;
  return isNpm(infoOf(shell.ppid)) ? shell.ppid : null;
}

function processInfo(pid: number): ProcessInfo | null {
  if (pid <= 1) return null;
  try {
    if (process.platform === 'linux') {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // The name before it, in brackets, may hold anything.
      const [, , ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.split(' ') ?? [];
      return { command, ppid: Number(ppid) };
    }
    const said = execFileSync('ps', ['-o', 'ppid=,args=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
    const [, ppid, command = ''] = /^\s*(\d+)\s+(.*)/.exec(said) ?? [];
    return { command, ppid: Number(ppid) };
  } catch {
    return null;
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
