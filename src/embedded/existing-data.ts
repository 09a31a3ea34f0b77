import { access, chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The major version that made the data folder, undefined when there is none yet. */
export async function dataVersion(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/**
 * Refuses what no server could run, before anything is done about it. A folder that is not there, or that holds
 * something else, is for `createDataFolder` to take or refuse.
 */
export async function checkExistingData(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  const us = process.getuid?.();
  if (us !== undefined && us !== 0 && found.uid !== us) {
    throw new Error(`its data belongs to user ${found.uid}, and this is user ${us}: start it as that user`);
  }
  const version = await dataVersion(path);
  if (version === undefined) return;
  const control = await access(join(path, 'global', 'pg_control')).then(
    () => true,
    () => false,
  );
  if (Number.isNaN(version) || !control) {
    const missing = control ? 'PG_VERSION is empty' : 'global/pg_control is missing';
    throw new Error(`${path} is not whole (${missing}): restore a backup, or move it away to begin anew`);
  }
}

/** A copy unpacked under an ordinary umask is open to others, and the server refuses such a folder. */
export async function closeToOthers(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o027) !== 0) await chmod(path, 0o700);
}
