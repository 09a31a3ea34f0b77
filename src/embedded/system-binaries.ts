import { access, constants, readdir, realpath } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { run } from './run.ts';

/** Where packagers put the servers: a parent, the names below it with their major, and where the programs are in there. */
const PLACES: readonly (readonly [parent: string, name: RegExp, programs: string])[] = [
  ['/usr/lib/postgresql', /^(\d+)$/, 'bin'],
  ['/usr', /^pgsql-(\d+)$/, 'bin'],
  ['/usr/libexec', /^postgresql(\d+)$/, ''],
  ['/opt/homebrew/opt', /^postgresql@(\d+)$/, 'bin'],
  ['/usr/local/opt', /^postgresql@(\d+)$/, 'bin'],
  ['/Applications/Postgres.app/Contents/Versions', /^(\d+)$/, 'bin'],
  ['/usr/local', /^pgsql()$/, 'bin'],
];

/**
 * Folders with a PostgreSQL server of this machine, the likeliest first: PATH, what `pg_config` says, then the places of
 * the packagers (Debian keeps the server off PATH), the newest first. Each folder once, whatever leads to it.
 */
export async function findSystemFolders(path = process.env['PATH'] ?? ''): Promise<readonly string[]> {
  // The current folder may be anybody's, so a relative entry is not followed.
  const onPath = path.split(delimiter).filter(isAbsolute);
  const listed = await Promise.all(PLACES.map(([parent, name, programs]) => below(parent, name, programs)));
  const found = new Set<string>();
  for (const folder of [...onPath, ...(await bindirOf(onPath)), ...listed.flat()]) {
    const programs = await Promise.all(['initdb', 'postgres'].map((program) => executable(join(folder, program))));
    // PATH may hold links to the programs: the server looks for its libraries beside the real one.
    const [, server] = programs;
    if (programs.every((program) => program !== null) && server !== null && server !== undefined) {
      found.add(join(server, '..'));
    }
  }
  return [...found];
}

async function below(parent: string, name: RegExp, programs: string): Promise<readonly string[]> {
  const names = await readdir(parent).catch(() => []);
  return names
    .flatMap((entry) => {
      const major = name.exec(entry)?.[1];
      return major === undefined ? [] : [{ entry, major: Number(major) }];
    })
    .sort((one, other) => other.major - one.major)
    .map(({ entry }) => join(parent, entry, programs));
}

async function bindirOf(folders: readonly string[]): Promise<readonly string[]> {
  for (const folder of folders) {
    const program = await executable(join(folder, 'pg_config'));
    if (program === null) continue;
    const options = {
      user: { kind: 'self' },
      environment: { PATH: `${folder}:/usr/bin:/bin` },
      cwd: '/',
      withinMs: 5_000,
    } as const;
    const said = await run(program, ['--bindir'], options).catch(() => undefined);
    if (said?.code === 0 && isAbsolute(said.output)) return [said.output];
  }
  return [];
}

/** The real path of a program, null when there is none that can be run. */
async function executable(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    return await realpath(path);
  } catch {
    return null;
  }
}

const INSTALLERS = [
  ['/etc/alpine-release', 'apk add postgresql'],
  ['/etc/debian_version', 'apt-get install postgresql'],
  ['/etc/redhat-release', 'dnf install postgresql-server'],
] as const;

/** How to install a PostgreSQL on a machine like this one. */
export async function installHint(): Promise<string> {
  if (process.platform === 'darwin') return 'brew install postgresql';
  for (const [file, command] of INSTALLERS) {
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return command;
  }
  return 'see https://www.postgresql.org/download';
}
