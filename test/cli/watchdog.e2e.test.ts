import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { killAll, PACKAGE_URL, startProjections, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** A handler of one projection never returns, the other projection works. */
const CONFIG = `
import { create, defineProjection } from '${PACKAGE_URL}';
const one = (name, on) => defineProjection()({
  name, tables: { [name]: { key: ['position'] } }, on: { Fine: ({ position }) => create(name, { position }), ...on },
  schema: 'CREATE TABLE IF NOT EXISTS ' + name + ' (position bigint PRIMARY KEY)',
});
export const projections = [one('innocent'), one('stuck', { Loop: () => { for (;;); } })];
`;

let folder: string;
let databases: readonly TestDatabase[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'projectionist-watchdog-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'projectionist.config.js'), CONFIG);
  databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterAll(async () => {
  killAll();
  await Promise.all(databases.map((database) => database.drop()));
  await rm(folder, { recursive: true, force: true });
});

async function startOn(database: TestDatabase, watchdogMs: number) {
  const env = { DATABASE_URL: database.url, WATCHDOG_MS: String(watchdogMs) };
  const daemon = startProjections('projectionist.config.js', { cwd: folder, env });
  await untilSaid(daemon, /^2 live, 0 failed, 0 paused$/m);
  let sequence = 0;
  const append = async (name: 'Fine' | 'Loop'): Promise<void> => {
    sequence += 1;
    await database.sql`
      INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
      VALUES ('Test', 'one', ${sequence}, ${name}, '{}')`;
  };
  const untilApplied = (count: number) =>
    vi.waitFor(async () => expect(await database.sql`SELECT position FROM innocent`).toHaveLength(count), {
      timeout: 30_000,
      interval: 20,
    });
  return { daemon, append, untilApplied };
}

// Seen red with: no watchdog started (the first daemon hangs for ever);
// no slot given to PageMetricsRecorder (no projection is named).
test('H2: a handler that never returns ends the process, and the log names the projection; a process that was stopped for longer goes on', async () => {
  const [one, two] = databases;
  if (one === undefined || two === undefined) throw new Error('two databases are needed');
  const stopped = await startOn(two, 1000);
  await stopped.append('Fine');
  await stopped.untilApplied(1);
  const blocked = await startOn(one, 3000);
  await blocked.append('Fine');
  await blocked.untilApplied(1);

  stopped.daemon.child.kill('SIGSTOP');
  await blocked.append('Loop');
  expect(await blocked.daemon.ended).toEqual({ code: null, signal: 'SIGKILL' });
  const last = blocked.daemon.err().trimEnd().split('\n').at(-1) ?? '';
  expect(JSON.parse(last)).toMatchObject({ level: 60, projection: 'stuck', position: '2' });
  expect(last).toMatch(/the event loop has been blocked for [34] s, in a handler of 'stuck' at position 2/);

  stopped.daemon.child.kill('SIGCONT');
  await stopped.append('Fine');
  await stopped.untilApplied(2);
  stopped.daemon.child.kill('SIGTERM');
  expect(await stopped.daemon.ended).toEqual({ code: 0, signal: null });
});
