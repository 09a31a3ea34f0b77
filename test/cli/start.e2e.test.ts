import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  checkout,
  isRunning,
  killAll,
  projectionist,
  type Running,
  run,
  startDanceFinder,
  untilSaid,
} from '../support/command.ts';

/**
 * As for a new user: a folder with the package alone, no DATABASE_URL, `npm start`.
 * Seen red with: `exec` left out of the npm script; the embedded server not detached; `closers` not run in reverse.
 */
const ALL_LIVE = /^4 live, 0 failed, 0 paused$/m;
let place: Awaited<ReturnType<typeof checkout>>;

beforeAll(async () => {
  place = await checkout();
});
afterAll(async () => {
  killAll();
  await place.remove();
});

async function pids(): Promise<{ daemon: number; postgres: number }> {
  const { pid } = JSON.parse(await readFile(join(place.folder, '.projectionist/daemon.json'), 'utf8')) as {
    pid: number;
  };
  const [postmaster = ''] = (
    await readFile(join(place.folder, '.projectionist/postgres/postmaster.pid'), 'utf8')
  ).split('\n');
  return { daemon: pid, postgres: Number(postmaster) };
}

async function endsCleanly(npm: Running, signal: () => void): Promise<void> {
  const running = await pids();
  expect(isRunning(running.daemon) && isRunning(running.postgres)).toBe(true);
  signal();
  expect(await npm.ended).toEqual({ code: 0, signal: null });
  await vi.waitFor(() => expect([isRunning(running.daemon), isRunning(running.postgres)]).toEqual([false, false]), {
    timeout: 10_000,
    interval: 25,
  });
}

async function statusOf(name: string): Promise<{ cursor: string; generation: number; state: string }> {
  const { out } = await projectionist(['status', name, '--json'], { cwd: place.folder });
  return JSON.parse(out);
}

test('npm start on an empty machine appends the sample, starts four projections, and ends at SIGTERM to npm', async () => {
  const npm = run('npm', ['start'], { cwd: place.folder });
  await untilSaid(npm, ALL_LIVE);
  expect(npm.out()).toMatch(/^sample history of 20000 events appended$/m);
  expect(npm.out()).toMatch(/^control http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+$/m);

  const status = await projectionist(['status'], { cwd: place.folder });
  expect(status.code).toBe(0);
  expect(status.out.match(/\blive\b/g)).toHaveLength(4);

  const reset = await projectionist(['reset', 'band', '--wait'], { cwd: place.folder });
  expect(reset).toMatchObject({ code: 0, err: '' });
  expect(await statusOf('band')).toMatchObject({ cursor: '20000', generation: 1, state: 'live' });
  const unknown = await projectionist(['reset', 'bands'], { cwd: place.folder });
  expect(unknown).toMatchObject({ code: 1, out: '' });
  expect(unknown.err).toMatch(/^projectionist: [^\n]*'bands'[^\n]*\n$/);

  await endsCleanly(npm, () => npm.child.kill('SIGTERM'));
});

test('the second start is warm, loses nothing, accepts imports, and ends at SIGTERM to the group', async () => {
  // No broker answers there: the effect is one line in the status.
  const npm = run('npm', ['start'], { cwd: place.folder, env: { AMQP_URL: 'amqp://me:hunter22@127.0.0.1:1' } });
  await untilSaid(npm, ALL_LIVE);
  expect(npm.out()).not.toMatch(/sample/);
  expect(await statusOf('event')).toMatchObject({ cursor: '20000', generation: 0, state: 'live' });

  const band = { aggregateName: 'domain.Band', sequenceNo: 1, name: 'BandCreated', occurredAt: '2026-01-01T00:00:00Z' };
  const lines = [1, 2, 3].map((n) =>
    JSON.stringify({
      ...band,
      aggregateId: `00000000-0000-4000-8000-00000000000${n}`,
      payload: { name: `Imported ${n}` },
    }),
  );
  const good = await projectionist(['import', '-'], { cwd: place.folder, input: lines.slice(0, 2).join('\n') });
  expect(good).toEqual({ code: 0, out: '2 events imported\n', err: '' });
  const again = await projectionist(['import', '-'], { cwd: place.folder, input: lines.join('\n') });
  expect(again).toEqual({ code: 0, out: '1 events imported, 2 were there already\n', err: '' });
  const broken = await projectionist(['import', '-'], { cwd: place.folder, input: `${lines[0]}\n{"aggregateName":\n` });
  expect(broken.code).toBe(1);
  expect(broken.err).toMatch(/^projectionist: [^\n]*line 2[^\n]*\n$/);
  // A skipped repeat uses a position too, so the last position is not fixed.
  await vi.waitFor(
    async () => {
      const { cursor, state } = await statusOf('band');
      expect([Number(cursor) >= 20_003, state]).toEqual([true, 'live']);
    },
    { timeout: 10_000, interval: 100 },
  );

  const { out } = await projectionist(['status'], { cwd: place.folder });
  expect(out).toMatch(/^broker: polling-only, cannot use RabbitMQ at 127\.0\.0\.1:1: .*ECONNREFUSED/m);

  await endsCleanly(npm, () => process.kill(-(npm.child.pid ?? 0), 'SIGTERM'));
  expect(npm.out() + npm.err()).not.toContain('hunter22');
});

test('Ctrl-C ends the daemon with 0, and so does a signal during the start', async () => {
  const npm = run('npm', ['start'], { cwd: place.folder });
  await untilSaid(npm, ALL_LIVE);
  await endsCleanly(npm, () => process.kill(-(npm.child.pid ?? 0), 'SIGINT'));

  const early = startDanceFinder([], { cwd: place.folder, env: { LOG_LEVEL: 'debug' } });
  await vi.waitFor(() => expect(early.err()).toMatch(/database\.private/), { timeout: 30_000, interval: 5 });
  early.child.kill('SIGTERM');
  expect(await early.ended).toEqual({ code: 0, signal: null });
});

test('a database that cannot be used is one line on stderr with what to do, and exit code 1', async () => {
  const refused = startDanceFinder([], {
    cwd: place.folder,
    env: { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' },
  });
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.err()).toMatch(
    /^projectionist: cannot reach the database at 127\.0\.0\.1:1\/none: [^\n]+; start PostgreSQL, or correct host and port in DATABASE_URL\n$/,
  );
  expect(refused.err()).not.toMatch(/secret/);
});

test('a port in use ends the start with exit code 1 and leaves no process behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => taken.once('listening', listening));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? String(address.port) : '';
  const daemon = startDanceFinder(['--no-sample'], { cwd: place.folder, env: { PORT: port } });
  expect(await daemon.ended).toEqual({ code: 1, signal: null });
  expect(daemon.err()).toBe(
    `projectionist: port ${port} on 127.0.0.1 is in use: stop the other process or set PORT (0 picks a free one)\n`,
  );
  await expect(readFile(join(place.folder, '.projectionist/postgres/postmaster.pid'))).rejects.toThrow('ENOENT');
  taken.close();
});

test.each([
  ['an unknown command', ['dance'], {}],
  ['no command', [], {}],
  ['an invalid setting', ['start', '--port', 'none'], {}],
  ['an invalid environment variable', ['start'], { RETRIES: 'many' }],
  ['a missing config file', ['start', '--config', 'nowhere.js'], {}],
  ['a public address without a token', ['start'], { HOST: '0.0.0.0' }],
])('%s is one line on stderr and exit code 2', async (_what, args, env) => {
  const config =
    args[0] === 'start' && !args.includes('--config')
      ? ['--config', 'dist/examples/dancefinder/projectionist.config.js']
      : [];
  const { code, out, err } = await projectionist([...args, ...config], { cwd: place.folder, env });
  expect({ code, out, lines: err.trimEnd().split('\n').length }).toEqual({ code: 2, out: '', lines: 1 });
  expect(err).toMatch(/^projectionist: /);
});

test('a command without a daemon names how to start one', async () => {
  const { code, err } = await projectionist(['status'], {
    cwd: place.folder,
    env: { PROJECTIONIST_URL: 'http://127.0.0.1:1', PROJECTIONIST_TOKEN: 'x' },
  });
  expect(code).toBe(1);
  expect(err).toMatch(
    /^projectionist: no daemon answers at http:\/\/127\.0\.0\.1:1\/?: start it with `npm start`[^\n]*\n$/,
  );
});
