import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readDaemonFile } from '../../src/cli/daemon-file.ts';
import { connect } from '../../src/postgres/pool.ts';
import { checkout, killAll, projectionist, type Running, startDanceFinder, untilSaid } from '../support/command.ts';

/** The daemon while its private PostgreSQL dies in every way. */
let place: Awaited<ReturnType<typeof checkout>>;
let daemon: Running;

beforeAll(async () => {
  place = await checkout();
  daemon = startDanceFinder(['--no-sample'], { cwd: place.folder });
  await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
});
afterAll(async () => {
  killAll();
  await place.remove();
});

interface Status {
  readonly state: string;
  readonly detail: string | null;
  readonly cursor: string;
  readonly lagEvents: number;
}

async function band(): Promise<Status> {
  const { code, out, err } = await projectionist(['status', 'band', '--json'], { cwd: place.folder });
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Status;
}

/** Appends an event, as soon as there is a database for it, and waits until the projection has applied it. */
async function applies(number: number): Promise<void> {
  const aggregateId = `00000000-0000-4000-8000-00000000000${number}`;
  const payload = { name: `Band ${number}` };
  const line = { aggregateName: 'domain.Band', aggregateId, sequenceNo: 1, name: 'BandCreated', payload };
  const input = JSON.stringify({ ...line, occurredAt: '2026-01-01T00:00:00Z' });
  await vi.waitFor(
    async () => expect(await projectionist(['import', '-'], { cwd: place.folder, input })).toMatchObject({ code: 0 }),
    { timeout: 60_000, interval: 200 },
  );
  await vi.waitFor(
    async () => {
      const { state, cursor, lagEvents } = await band();
      expect([state, lagEvents, Number(cursor) >= number]).toEqual(['live', 0, true]);
    },
    { timeout: 60_000, interval: 200 },
  );
}

async function postmaster(): Promise<number> {
  return Number.parseInt(await readFile(join(place.folder, '.projectionist/postgres/postmaster.pid'), 'utf8'), 10);
}

async function answerOf(path: '/healthz' | '/readyz'): Promise<number> {
  const { url = '' } = (await readDaemonFile(join(place.folder, '.projectionist'))) ?? {};
  return (await fetch(new URL(path, url))).status;
}

// Seen red with `databaseTrouble` left out of the daemon's options: status did not name the reason.
test('status and readiness report a killed server until it runs again, and then the daemon goes on', async () => {
  await applies(1);
  const control = join(place.folder, '.projectionist/postgres/global/pg_control');
  await rename(control, `${control}.away`);
  process.kill(await postmaster(), 'SIGKILL');
  const detail = expect.stringMatching(/^the private PostgreSQL has ended and is started again: .*pg_control/);
  await vi.waitFor(async () => expect(await band()).toMatchObject({ detail, cursor: '1' }), {
    timeout: 30_000,
    interval: 100,
  });
  await vi.waitFor(async () => expect(await answerOf('/readyz')).toBe(503), { timeout: 30_000, interval: 100 });
  // A restart of the daemon would not help.
  expect(await answerOf('/healthz')).toBe(200);
  await rename(`${control}.away`, control);
  await applies(2);
  await vi.waitFor(async () => expect(await answerOf('/readyz')).toBe(200), { timeout: 30_000, interval: 100 });
  expect(await band()).toMatchObject({ detail: null });
});

test('the daemon goes on after a killed backend', async () => {
  const { database } = (await readDaemonFile(join(place.folder, '.projectionist'))) ?? {};
  if (database === undefined) throw new Error('no private server in daemon.json');
  const sql = connect({ address: database, applicationName: 'test', max: 1 });
  const [backend] = await sql<[{ pid: number }]>`
    SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'projectionist:%' LIMIT 1`;
  process.kill(backend.pid, 'SIGKILL');
  await sql.end({ timeout: 1 });
  await applies(3);
});

test('a second daemon of the folder uses the server of the first, and starts its own after the end of the first', async () => {
  const second = startDanceFinder(['--no-sample'], { cwd: place.folder });
  await untilSaid(second, /^\d live, 0 failed, \d paused$/m);
  const before = await postmaster();
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toEqual({ code: 0, signal: null });
  await applies(4);
  expect(await postmaster()).not.toBe(before);
  second.child.kill('SIGTERM');
  expect(await second.ended).toEqual({ code: 0, signal: null });
  await expect(postmaster()).rejects.toThrow('ENOENT');
});
