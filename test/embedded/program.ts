import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findPlatformPackage, PLATFORM_PACKAGE } from '../../src/embedded/binaries.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

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
  for (const name of await packagesNeeded(join(folder, 'dist'))) {
    await cp(join(REPOSITORY, 'node_modules', name), join(modules, name), { recursive: true });
  }
  if (packages === 'copied') await copyPlatformPackage(join(modules, PLATFORM_PACKAGE));
  return folder;
}

async function compile(output: string): Promise<void> {
  const options = ['--ignoreConfig', '--noCheck', '--rewriteRelativeImportExtensions', '--rootDir', REPOSITORY];
  const target = ['--target', 'es2023', '--module', 'nodenext', '--outDir', output];
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const files = ['src/embedded/start.ts', 'src/postgres/pool.ts'].map((file) => join(REPOSITORY, file));
  await promisify(execFile)(process.execPath, [tsc, ...options, ...target, ...files], { cwd: REPOSITORY });
}

/** A platform package whose server is this text; without `mode` it may be executed. */
export async function putBrokenPackage(program: string, text: string, mode = 0o755): Promise<void> {
  const from = dirname(await nativeOfPackage());
  const root = join(program, 'node_modules', PLATFORM_PACKAGE);
  for (const folder of ['native/bin', 'native/lib']) await mkdir(join(root, folder), { recursive: true });
  for (const name of ['dist', 'package.json', 'native/pg-symlinks.json']) {
    await cp(join(from, name), join(root, name), { recursive: true });
  }
  await writeFile(join(root, 'native/bin/postgres'), text, { mode });
}

/** Of the server in this folder, 0 when it does not run. */
export async function serverMajor(bin: string): Promise<number> {
  const said = await promisify(execFile)(join(bin, 'postgres'), ['--version']).catch(() => ({ stdout: '' }));
  return Number(/\(PostgreSQL\) (\d+)/.exec(said.stdout)?.[1] ?? 0);
}

async function nativeOfPackage(): Promise<string> {
  const found = await findPlatformPackage();
  if (found === null) throw new Error(`${PLATFORM_PACKAGE} is not installed`);
  return found.native;
}

/** The packages that the compiled program imports, with theirs. */
async function packagesNeeded(folder: string): Promise<ReadonlySet<string>> {
  const imported: string[] = [];
  for (const file of (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js'))) {
    const text = await readFile(join(folder, file), 'utf8');
    imported.push(
      ...[...text.matchAll(/^(?:import|export|}) ?.*\bfrom '([^.'][^']*)';$/gm)].flatMap(([, name]) => name ?? []),
    );
  }
  const needed = new Set<string>();
  for (const name of imported) if (!name.startsWith('node:')) await addWithDependencies(name, needed);
  return needed;
}

async function addWithDependencies(name: string, needed: Set<string>): Promise<void> {
  if (needed.has(name) || builtinModules.includes(name)) return;
  needed.add(name);
  const manifest = join(REPOSITORY, 'node_modules', name, 'package.json');
  const { dependencies = {} }: { dependencies?: object } = JSON.parse(await readFile(manifest, 'utf8'));
  for (const dependency of Object.keys(dependencies)) await addWithDependencies(dependency, needed);
}

async function copyPlatformPackage(to: string): Promise<void> {
  const from = dirname(await nativeOfPackage());
  const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
  await cp(from, to, { recursive: true, filter });
  // As in an image whose node_modules belongs to the build.
  await chmod(join(to, 'native/lib'), 0o555);
}
