import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { CONFIG, isRunning, killAll, MAIN, run, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: string;

/** As in an application that has the package installed. */
beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'projectionist-npx-'));
  await writeFile(join(folder, 'package.json'), '{"name":"application"}');
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  await symlink(MAIN, join(folder, 'node_modules/.bin/projectionist'));
});
afterAll(async () => {
  killAll();
  await rm(folder, { recursive: true });
  await database.drop();
});

// Seen red with: watchNpmParent left out of start.ts (both leave the daemon running). The end of a terminal is the SIGHUP of shutdown.
test.each([
  ['SIGTERM to npx', 'SIGTERM'],
  ['SIGKILL of npx', 'SIGKILL'],
] as const)('a daemon that npx started drains and ends after %s', async (_what, signal) => {
  const env = { DATABASE_URL: database.url, LOG_LEVEL: 'info' };
  const npx = run('npx', ['--no', 'projectionist', 'start', '--config', CONFIG], { cwd: folder, env });
  await untilSaid(npx, /^4 live, 0 failed, 0 paused$/m);
  const file = join(folder, '.projectionist/daemon.json');
  const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid: number };
  // killAll knows npx alone, which has ended by then.
  onTestFinished(() => {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  });
  npx.child.kill(signal);
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 10_000, interval: 25 });
  expect(npx.err()).toContain('daemon.stopped');
});
