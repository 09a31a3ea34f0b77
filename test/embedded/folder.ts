import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryName } from '../../src/embedded/own-folder.ts';

/**
 * A temporary folder with a space in its name that everybody may walk through. At the end of the block it is removed,
 * with the folders that a server killed in it left beside.
 */
export async function temporaryFolder(mode = 0o755): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'projectionist test '));
  await chmod(path, mode);
  const dispose = async () => {
    const temporary = await temporaryName(join(path, 'postgres'), { kind: 'self' });
    for (const folder of [path, temporary, `${temporary}-lib`]) {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  return { path, [Symbol.asyncDispose]: dispose };
}
