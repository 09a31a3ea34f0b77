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

/** A daemon whose handler blocks its event loop answers late; one that is gone refuses at once. */
const ANSWER_MS = 2_000;

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

/** Removes the file if this daemon wrote it. In a container every daemon may have the same pid, so the token decides too. */
export async function removeDaemonFile(folder: string, own: Pick<DaemonFile, 'pid' | 'token'>): Promise<void> {
  const current = await readDaemonFile(folder);
  if (current?.pid === own.pid && current.token === own.token) await rm(daemonFilePath(folder), { force: true });
}

/**
 * The daemon that the file belongs to, if it is another one and still there: commands in this folder speak to it until it
 * ends. A pid alone proves nothing, it may have been given to another process since; so its address must answer.
 */
export async function otherDaemonIn(
  folder: string,
  own: Pick<DaemonFile, 'pid' | 'url'>,
  answers: (url: string) => Promise<boolean> = answersAt,
): Promise<DaemonFile | null> {
  const file = await readDaemonFile(folder);
  if (file === null || file.pid === own.pid || file.url === own.url || !isRunning(file.pid)) return null;
  return (await answers(file.url)) ? file : null;
}

async function answersAt(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  return await fetch(`${url}/healthz`, { redirect: 'error', signal }).then(
    () => true,
    () => false,
  );
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
