import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { checkout, killAll, type Running, run } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';

vi.setConfig({ testTimeout: 120_000 });

let place: Awaited<ReturnType<typeof checkout>>;
beforeAll(async () => {
  place = await checkout();
  await copyFile(join(import.meta.dirname, '../support/deadly.config.js'), join(place.folder, 'deadly.config.js'));
});
afterAll(async () => {
  killAll();
  await place.remove();
});

/** A store with three events, of which the second one is `deed`, and daemons with a projection that runs the deed. */
async function open(deed: string) {
  const database = await createTestDatabase();
  const sql = connect({ address: { url: database.url }, applicationName: 'test', max: 2 });
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  const [, bad] = await append(
    sql,
    ['nothing', deed, 'nothing'].map((done, index) => ({
      aggregateName: 'test.Deed',
      aggregateId: 'a',
      sequenceNo: index + 1,
      name: 'Done',
      payload: { deed: done },
    })),
  );
  const start = (flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Running =>
    run(process.execPath, [...flags, 'dist/src/cli/main.js', 'start', '--config', 'deadly.config.js'], {
      cwd: place.folder,
      env: { DATABASE_URL: database.url, RETRIES: '0', DAEMON_ID: 'deadly', ...env },
    });
  return {
    sql,
    start,
    position: bad?.position ?? 0n,
    [Symbol.asyncDispose]: async () => {
      killAll();
      await sql.end({ timeout: 1 });
      await database.drop();
    },
  };
}

const statusOf = async (sql: Sql, name: string) => {
  const [row] = await sql<{ status: string; cursor: bigint }[]>`
    SELECT status, cursor FROM projection_state WHERE name = ${name}`;
  return row;
};

/** Waits until the projection is halted, or the process has ended. @returns true if it is halted and the process runs */
async function halts(sql: Sql, { child }: Running): Promise<boolean> {
  return await vi.waitFor(
    async () => {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      expect((await statusOf(sql, 'deadly'))?.status).toBe('halted');
      return true;
    },
    { timeout: 60_000, interval: 25 },
  );
}

/** Kills a loop that never yields from outside once it has begun, as the watchdog does. */
async function killLooping(sql: Sql, running: Running): Promise<void> {
  const looping = async () => expect(running.err()).toMatch(/^looping$/m);
  const halted = async () => expect((await statusOf(sql, 'deadly'))?.status).toBe('halted');
  await vi.waitFor(() => Promise.any([looping(), halted()]), { timeout: 30_000, interval: 25 });
  await halted().catch(() => running.child.kill('SIGKILL'));
}

test.each<[string, string, readonly string[]]>([
  ['G3', 'exit', []],
  ['G3, H19', 'memory', ['--max-old-space-size=64']],
  ['H2', 'loop', []],
])(
  '%s: an event that ends the process (%s) is halted at after four deaths; the daemon lives, the other projection is complete',
  async (_row, deed, flags) => {
    await using scene = await open(deed);
    const { sql, position } = scene;
    let deaths = 0;
    for (; deaths < 8; deaths++) {
      const running = scene.start(flags);
      if (deed === 'loop') await killLooping(sql, running);
      if (await halts(sql, running)) break;
      await running.ended;
    }
    expect(deaths).toBe(4);
    const failures = await sql`SELECT name, position, code, error FROM projection_failures`;
    expect(failures).toEqual([
      {
        name: 'deadly',
        position,
        code: 'PROCESS_DIED',
        error: expect.stringContaining(`ended 2 times while it applied Done at position ${position}`),
      },
    ]);
    await vi.waitFor(async () => expect(await sql`SELECT count(*)::int FROM calm`).toEqual([{ count: 3 }]), {
      timeout: 20_000,
    });
    expect((await statusOf(sql, 'calm'))?.status).toBe('running');
    expect(await sql`SELECT count(*)::int FROM deadly`).toEqual([{ count: 1 }]);
  },
);

test.each(['rejection', 'timer'])(
  'H11: what a handler leaves behind (%s) halts its projection, and the daemon lives',
  async (deed) => {
    await using scene = await open(deed);
    const running = scene.start();
    expect(await halts(scene.sql, running)).toBe(true);
    expect(await scene.sql`SELECT name, position, error FROM projection_failures`).toEqual([
      { name: 'deadly', position: scene.position, error: 'left behind' },
    ]);
    await vi.waitFor(async () => expect(await scene.sql`SELECT count(*)::int FROM calm`).toEqual([{ count: 3 }]), {
      timeout: 20_000,
    });
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ code: 0, signal: null });
  },
);

test('H9: beyond MAX_RSS_MB the daemon drains and exits with 1, and names the projection that worked last', async () => {
  await using scene = await open('leak');
  const running = scene.start([], { MAX_RSS_MB: '350' });
  expect(await running.ended).toEqual({ code: 1, signal: null });
  expect(running.err()).toMatch(/"limitMb":350,"projection":"(deadly|calm)".*daemon\.memory-limit/);
  expect(await scene.sql`SELECT count(*)::int FROM deadly`).toEqual([{ count: 3 }]);
});
