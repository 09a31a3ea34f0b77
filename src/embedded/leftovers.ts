import { readdir, readFile } from 'node:fs/promises';
import { readLock, worksIn } from './lock.ts';

/**
 * Ends the backends that a killed server left behind. Idle ones notice by themselves; one that computes does not, and
 * as long as it runs no server can start. Its clients are gone with the server, so no client waits for it. SIGQUIT is what
 * the server itself would have sent. Linux only: elsewhere they are waited for.
 */
export async function endLeftovers(dataFolder: string): Promise<void> {
  if (process.platform !== 'linux' || (await readLock(dataFolder)) !== undefined) return;
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 1);
  for (const pid of pids) {
    if (await isLeftover(dataFolder, pid)) end(pid);
  }
}

/** A backend of this folder whose parent is not: a new server that was started meanwhile keeps its own. */
async function isLeftover(dataFolder: string, pid: number): Promise<boolean> {
  if ((await worksIn(dataFolder, pid)) !== true) return false;
  const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!title.startsWith('postgres: ')) return false;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1];
  return parent !== undefined && (await worksIn(dataFolder, Number(parent))) !== true;
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It is gone already, or not ours.
  }
}
