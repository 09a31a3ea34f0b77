import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { killAll, run, untilSaid } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';
import { commandsOf, copyFiles, environmentOf, readStages, runIn, startCommand } from '../support/image-steps.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

afterAll(killAll);

/**
 * The image's own steps, without an engine: what the Dockerfile does not copy is not there. `npm ci` is left out; the
 * packages are the checkout's.
 * Seen red with: bench, which imports from test, copied and compiled, as it once was; `COPY sql sql` left out; the
 * second stage's copy of dist left out.
 */
test('the image builds from what the Dockerfile copies, and its daemon runs the reference projections', async () => {
  await using database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-image-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
  const [build, app] = [join(folder, 'build'), join(folder, 'app')];
  const [first = [], last = []] = await readStages(join(ROOT, 'Dockerfile'));

  await mkdir(build);
  await copyFiles(first, { context: ROOT, build, to: build });
  await cp(join(ROOT, 'node_modules'), join(build, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  const [install = '', ...steps] = commandsOf(first);
  expect(install).toBe('npm ci --ignore-scripts');
  for (const step of steps) await runIn(build, step, 90_000);

  await mkdir(join(app, '.projectionist'), { recursive: true });
  await copyFiles(last, { context: ROOT, build, to: app });
  // Otherwise the build's packages could be found from there.
  await rm(build, { recursive: true });
  const env = { ...environmentOf(last), PORT: '0', HOST: '127.0.0.1', DATABASE_URL: database.url };
  const daemon = run('node', startCommand(last).slice(1), { cwd: app, env });
  await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
  const [, port = ''] = /^control http:\/\/127\.0\.0\.1:(\d+)/m.exec(daemon.out()) ?? [];
  const check = run('node', ['healthcheck.mjs'], { cwd: app, env: { PORT: port } });
  expect(await check.ended).toEqual({ code: 0, signal: null });
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended, daemon.err()).toEqual({ code: 0, signal: null });
});
