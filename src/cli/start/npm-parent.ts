import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isRunning } from '../daemon-file.ts';

const EVERY_MS = 1_000;

/** The properties of `process` that are read. */
interface Child {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current parent: another one after the parent's end. */
  readonly ppid: number;
}

/** The command line of another process, and the id of its parent. */
export interface ProcessInfo {
  readonly command: string;
  readonly ppid: number;
}

export interface NpmParentOptions {
  readonly child: Child;
  /** The npm that started this process has ended. */
  readonly onEnded: () => void;
  /** Null: there is no such process, or the system does not show it. Default: asks the system. */
  readonly infoOf?: (pid: number) => ProcessInfo | null;
  readonly isAlive?: (pid: number) => boolean;
  /** Milliseconds between two checks. Default 1000. */
  readonly everyMs?: number;
}

/**
 * Calls `onEnded` when the npm that started this process has ended. npx starts a program through `sh -c`: SIGTERM ends the
 * shell, and the program goes on; SIGKILL of npm ends neither. The check runs only if npm is the parent, or that shell is
 * the one process between: a script that uses `setsid`, `nohup` or `&` wants the program to outlive npm.
 * @returns ends the checks
 */
export function watchNpmParent(options: NpmParentOptions): () => void {
  const { child, onEnded, infoOf = processInfo, isAlive = isRunning, everyMs = EVERY_MS } = options;
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

/** npm did not start the process, or its script put the process into the background. */
function isDetached(script: string | undefined): boolean {
  return script === undefined || /\b(?:setsid|nohup)\b|(?<![&>])&(?![&>\d])/.test(script);
}

/** The command line of npm is `npm exec …`, also for npx. */
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
      // The name in brackets before it may hold any character, a closing bracket too.
      const [, , ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)?.split(' ') ?? [];
      return { command, ppid: Number(ppid) };
    }
    const listed = execFileSync('ps', ['-o', 'ppid=,args=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
    const [, ppid, command = ''] = /^\s*(\d+)\s+(.*)/.exec(listed) ?? [];
    return { command, ppid: Number(ppid) };
  } catch {
    return null;
  }
}
