import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CONFIG, checkout, killAll, MAIN, projectionist, run, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FullDisk, openFullDisk } from '../support/full-disk.ts';

const EVENT =
  '{"aggregateName":"a","aggregateId":"a","sequenceNo":1,"name":"Noted","occurredAt":"2026-01-01T00:00:00Z","payload":{}}';
const FULL = 'no space is left on its disk: free some, or write elsewhere';

const disk = await openFullDisk();
await disk?.remove();
let place: Awaited<ReturnType<typeof checkout>>;
let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  [place, database] = await Promise.all([checkout(), createTestDatabase()]);
  env = { DATABASE_URL: database.url };
  await projectionist(['import', '-'], { cwd: place.folder, env, input: EVENT });
});
afterAll(async () => {
  killAll();
  await Promise.all([place.remove(), database.drop()]);
});

async function fullDisk(): Promise<FullDisk> {
  const opened = await openFullDisk();
  if (opened === null) throw new Error('a tmpfs could be mounted a moment ago');
  onTestFinished(() => opened.remove());
  return opened;
}

async function sh(script: string, cwd = place.folder) {
  const running = run('bash', ['-c', `projectionist() { node ${MAIN} "$@"; }; ${script}`], { cwd, env });
  return { ...(await running.ended), out: running.out(), err: running.err() };
}

describe.skipIf(!existsSync('/dev/full'))('on a device that is full', () => {
  // Seen red with: reportLostOutput not called by main.ts (0, and not a word); the export's own error not translated.
  test.each(['export', 'export --help', 'status --help'])(
    '`%s` with stdout there ends with 1, and one line names stdout and what to do',
    async (command) => {
      const err = `projectionist: stdout could not be written: ${FULL}; what was written is incomplete\n`;
      expect(await sh(`projectionist ${command} > /dev/full`)).toEqual({ code: 1, signal: null, out: '', err });
    },
  );

  test('an export to it by --out says that what was written is incomplete', async () => {
    const ended = await sh('projectionist export --out /dev/full');
    const err = `projectionist: /dev/full could not be written: ${FULL}; what was written is incomplete\n`;
    expect(ended).toEqual({ code: 1, signal: null, out: '', err });
  });

  // Seen red with: onLost not given to createLogger; the listener on outputGone left out of start.
  test('a daemon goes on without its log, or without its progress, and says so on the other of the two', async () => {
    const start = `exec node ${MAIN} start --config ${CONFIG}`;
    const unlogged = run('bash', ['-c', `${start} 2> /dev/full`], {
      cwd: place.folder,
      env: { ...env, LOG_LEVEL: 'info' },
    });
    await untilSaid(unlogged, /^4 live, 0 failed, 0 paused$/m);
    expect(unlogged.out()).toContain(`the log on stderr could not be written: ${FULL}; the daemon goes on\n`);
    unlogged.child.kill('SIGTERM');
    expect(await unlogged.ended).toEqual({ code: 0, signal: null });

    const unseen = run('bash', ['-c', `${start} > /dev/full`], { cwd: place.folder, env });
    await vi.waitFor(() => expect(unseen.err()).toContain('the progress on stdout is lost'), {
      timeout: 60_000,
      interval: 25,
    });
    expect(unseen.err()).toContain(`stdout could not be written: ${FULL}; the daemon goes on`);
    unseen.child.kill('SIGTERM');
    expect(await unseen.ended).toEqual({ code: 0, signal: null });
  });
});

describe.skipIf(disk === null)('on a file system that is full', () => {
  // Seen red with: diskError left out of replaceFile (`ENOSPC: no space left on device, write`).
  test('an export to a file leaves none there, and works once there is space', async () => {
    const { folder, free } = await fullDisk();
    const command = `projectionist export --out ${folder}/all.ndjson`;
    const err = `projectionist: ${folder}/all.ndjson could not be written: ${FULL}; nothing was left there\n`;
    expect(await sh(command)).toEqual({ code: 1, signal: null, out: '', err });
    expect(await readdir(folder)).toEqual(['filler']);
    free();
    expect(await sh(command)).toEqual({ code: 0, signal: null, out: '1 events exported\n', err: '' });
    expect((await readFile(join(folder, 'all.ndjson'), 'utf8')).split('\n')).toHaveLength(2);
  });

  // Seen red with: `return true` in place of `return full === null` in announce (daemon.json never comes).
  test('a daemon starts without daemon.json, says why once, and writes it once there is space', async () => {
    const { folder, free } = await fullDisk();
    const daemon = run('node', [MAIN, 'start', '--config', CONFIG], { cwd: folder, env });
    await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
    const file = join(folder, '.projectionist/daemon.json');
    expect(
      daemon
        .err()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      {
        level: 40,
        reason: `${file} could not be written: ${FULL}; the daemon goes on without it, and tries again`,
        msg: expect.stringMatching(/^daemon\.json was not written: commands reach this one by PROJECTIONIST_URL/),
      },
    ]);
    free();
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 30_000, interval: 50 });
    expect((await projectionist(['status'], { cwd: folder })).code).toBe(0);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(daemon.err().trimEnd().split('\n')).toHaveLength(1);
  });
});
