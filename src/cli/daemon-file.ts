import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({
  url: z.url(),
  token: z.string().min(1),
  pid: z.int().positive(),
  /** The private PostgreSQL of the daemon, for the commands that speak to the database. */
  database: z.object({ host: z.string(), port: z.int(), user: z.string(), database: z.string() }).optional(),
});

/** How commands find the daemon that runs in this folder. */
export type DaemonFile = Readonly<z.output<typeof schema>>;

export function daemonFilePath(folder: string): string {
  return join(folder, 'daemon.json');
}

/**
 * Replaces the file in one step, so that a reader sees the old or the new one; mode 0600, since it holds the token.
 * @param folder usually `.projectionist`; made with mode 0700 if need be
 */
export async function writeDaemonFile(folder: string, content: DaemonFile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `daemon.json.${randomBytes(6).toString('hex')}`);
  try {
    // 'wx': a link that somebody put there is not followed.
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, daemonFilePath(folder));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Null when there is none, or none that makes sense. */
export async function readDaemonFile(folder: string): Promise<DaemonFile | null> {
  try {
    return schema.parse(JSON.parse(await readFile(daemonFilePath(folder), 'utf8')));
  } catch {
    return null;
  }
}

/** Removes the file if it is this process's: another daemon may have been started in the same folder since. */
export async function removeDaemonFile(folder: string, pid: number): Promise<void> {
  const current = await readDaemonFile(folder);
  if (current?.pid === pid) await rm(daemonFilePath(folder), { force: true });
}

/** Whether a process with that id runs; one of another user counts. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}
