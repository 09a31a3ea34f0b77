import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readLock } from '../../src/embedded/lock.ts';
import { settlesWithin } from '../../src/embedded/wait.ts';
import { temporaryFolder } from './folder.ts';
import { change, pool, query, type Started, started } from './server.ts';

async function killServer({ folder }: Started, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  process.kill((await readLock(folder))?.pid ?? 0, signal);
}

/** Computes without looking at the postmaster for ten minutes: such a backend outlives it. */
const COMPUTE = `DO $$ DECLARE until timestamptz := clock_timestamp() + '10 min';
  BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$`;

// Seen red without endLeftovers: "pre-existing shared memory block is still in use", for as long as the backend runs.
test('a server that was killed comes back at the same address with its data, though a backend of it computes on', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path, throwAway: false });
  const sql = pool(server.connection, 2);
  await sql`CREATE TABLE kept AS SELECT 1 AS id`;
  const computing = sql.unsafe(COMPUTE).then(
    () => 'done',
    () => 'cut',
  );
  await vi.waitFor(
    async () => {
      const [row] =
        await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'`;
      expect(row).toEqual({ n: 1 });
    },
    { timeout: 10_000 },
  );
  const before = (await readLock(server.folder))?.pid;
  await killServer(server);
  expect(await change(server, 'ended')).toMatchObject({
    reason: expect.stringContaining('it was ended by SIGKILL'),
    deaths: 1,
  });
  const { pid } = await change(server, 'running');
  expect(pid).not.toBe(before);
  await vi.waitFor(async () => expect(await sql`SELECT id FROM kept`).toMatchObject([{ id: 1 }]), { timeout: 20_000 });
  expect(await computing).toBe('cut');
  await sql.end({ timeout: 1 });
});

test('a killed backend costs the others their connections for a moment, and is no death of the server', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path, throwAway: false });
  const sql = pool(server.connection);
  const [row] = await sql<[{ pid: number }]>`SELECT pg_backend_pid() AS pid`;
  const before = (await readLock(server.folder))?.pid;
  process.kill(row.pid, 'SIGKILL');
  await vi.waitFor(async () => expect(await sql`SELECT 1 AS one`).toMatchObject([{ one: 1 }]), { timeout: 20_000 });
  expect([(await readLock(server.folder))?.pid, server.changes]).toEqual([before, []]);
  await sql.end({ timeout: 1 });
});

// Seen red with a Supervisor that gives up when an attempt fails.
test('a server that cannot start is tried again until it can, and each attempt says why it failed', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path });
  const control = join(server.folder, 'global/pg_control');
  await rename(control, `${control}.away`);
  await killServer(server);
  await vi.waitFor(() => expect(server.changes.length).toBeGreaterThan(2), { timeout: 30_000 });
  expect(server.changes.map(({ kind }) => kind)).not.toContain('running');
  expect(server.changes.slice(0, 3).map((one) => one.kind === 'ended' && one.deaths)).toEqual([1, 2, 3]);
  expect(server.changes[1]).toMatchObject({ kind: 'ended', reason: expect.stringContaining('pg_control') });
  await rename(`${control}.away`, control);
  await change(server, 'running');
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

// Seen red with `lost` that always says null: it was tried for ever.
test('a data folder that is gone is not made anew: that is told, and it is the end', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path });
  const { pid = 0 } = (await readLock(server.folder)) ?? {};
  await rename(server.folder, `${server.folder}.away`);
  process.kill(pid, 'SIGKILL');
  const { reason } = await server.died;
  expect(reason).toContain(`${server.folder} is gone`);
  expect(server.changes.at(-1)).toMatchObject({ kind: 'lost' });
  await expect(access(server.folder)).rejects.toMatchObject({ code: 'ENOENT' });
});

// Seen red with stop() that does not abort: it never ended.
test('stop between two attempts ends at once and leaves no server', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path });
  const control = join(server.folder, 'global/pg_control');
  await rename(control, `${control}.away`);
  await killServer(server);
  await vi.waitFor(() => expect(server.changes.length).toBeGreaterThan(1), { timeout: 30_000 });
  expect(await settlesWithin(server.stop(), 10_000)).toBe(true);
  const told = server.changes.length;
  await rename(`${control}.away`, control);
  expect(await readLock(server.folder)).toBeUndefined();
  expect(server.changes).toHaveLength(told);
});
