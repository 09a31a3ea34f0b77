import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** What postmaster.pid says about a server that is alive. */
export interface Lock {
  readonly pid: number;
  /** `starting`, `ready`, `stopping`; empty while the file is being written. */
  readonly status: string;
}

const PID_LINE = 0;
const STATUS_LINE = 7;

/**
 * The server that holds the data folder, undefined when none does.
 * A lock whose process is not the server of this folder is taken away: process ids come again, in containers at once, and the
 * server itself asks only whether the process exists, so it would refuse to start for ever.
 */
export async function readLock(dataFolder: string): Promise<Lock | undefined> {
  const file = join(dataFolder, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[PID_LINE] ?? '', 10);
  // A dead process's file is left to the server: it also looks whether backends still use the shared memory.
  if (!processIsAlive(pid)) return undefined;
  if (await isServerOf(dataFolder, pid)) return { pid, status: (lines[STATUS_LINE] ?? '').trim() };
  await rm(file, { force: true });
  return undefined;
}

export function processIsAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When in doubt, yes: removing the lock of a live server would let a second one into the folder. */
async function isServerOf(dataFolder: string, pid: number): Promise<boolean> {
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') return await looksLikePostgres(pid);
  // Empty for a process that has ended and was not collected by its parent.
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'postgres');
  return command.includes('postgres') && (await worksIn(dataFolder, pid)) !== false;
}

/** A server works in its data folder, so one that works elsewhere has another. Undefined when we may not look. Linux. */
export async function worksIn(folder: string, pid: number): Promise<boolean | undefined> {
  const [own, theirs] = await Promise.all(
    [folder, `/proc/${pid}/cwd`].map((path) => stat(path).catch(() => undefined)),
  );
  return own === undefined || theirs === undefined ? undefined : own.ino === theirs.ino && own.dev === theirs.dev;
}

async function looksLikePostgres(pid: number): Promise<boolean> {
  const options = {
    user: { kind: 'self' },
    environment: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    withinMs: 5_000,
  } as const;
  const listed = await run('ps', ['-p', String(pid), '-o', 'command='], options).catch(() => undefined);
  return listed?.code === 0 ? listed.output.includes('postgres') : true;
}
