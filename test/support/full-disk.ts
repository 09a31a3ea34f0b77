import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FullDisk {
  readonly folder: string;
  /** Makes room again. */
  free(): void;
  remove(): Promise<void>;
}

/**
 * A small file system of its own that is full.
 * @returns null, with a line of output, where this user may not mount one
 * @throws Error in CI when this user may not
 */
export async function openFullDisk(): Promise<FullDisk | null> {
  const folder = await mkdtemp(join(tmpdir(), 'full-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    await rm(folder, { recursive: true });
    if (process.env['CI'] === 'true') throw new Error('a tmpfs could not be mounted', { cause: error });
    process.stdout.write('skipped: the tests on a full disk, since this user may not mount a tmpfs\n');
    return null;
  }
  const filler = join(folder, 'filler');
  await writeFile(filler, Buffer.alloc(1 << 20)).catch(() => undefined);
  return {
    folder,
    free: () => rmSync(filler, { force: true }),
    remove: async () => {
      execFileSync('umount', ['-l', folder]);
      await rm(folder, { recursive: true });
    },
  };
}
