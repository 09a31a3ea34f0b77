import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({
  url: z.url(),
  token: z.string().min(1),
  pid: z.int().positive(),
  /** The private PostgreSQL of the daemon, for the commands that open the database. */
  database: z.object({ host: z.string(), port: z.int(), user: z.string(), database: z.string() }).optional(),
});

/** Where the daemon of a folder listens, and its token. Commands read it from `daemon.json`. */
export type DaemonFile = Readonly<z.output<typeof schema>>;

/** A daemon whose handler blocks the event loop answers late; the port of one that has ended refuses immediately. */
const ANSWER_MS = 2_000;

export function daemonFilePath(folder: string): string {
  return join(folder, 'daemon.json');
}

/**
 * Replaces the file in one step, so that a reader sees the old or the new one. Mode 0600, since it holds the token.
 * @param folder usually `.projectionist`; created with mode 0700 when it is missing
 * @throws the error of the file system
 */
export async function writeDaemonFile(folder: string, content: DaemonFile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `daemon.json.${randomBytes(6).toString('hex')}`);
  try {
    // 'wx': a symbolic link that another user has put there is not followed.
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

/** Null when there is no file, or its content is not a daemon file. */
export async function readDaemonFile(folder: string): Promise<DaemonFile | null> {
  try {
    return schema.parse(JSON.parse(await readFile(daemonFilePath(folder), 'utf8')));
  } catch {
    return null;
  }
}

/** Removes the file if this daemon wrote it. Daemons in containers may have the same pid, so the token is compared too. */
export async function removeDaemonFile(folder: string, own: Pick<DaemonFile, 'pid' | 'token'>): Promise<void> {
  const current = await readDaemonFile(folder);
  if (current?.pid === own.pid && current.token === own.token) await rm(daemonFilePath(folder), { force: true });
}

/**
 * The daemon that wrote the file, if it is another one and still answers: commands in this folder use it until it ends.
 * The system may have given the pid to another process since, so the address must answer too.
 * @returns null when there is no such daemon: its file may be replaced
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

/** Whether a process with that id exists; a process of another user counts. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process belongs to another user.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}
