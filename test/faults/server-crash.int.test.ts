import { expect, test, vi } from 'vitest';
import { type FaultScene, openFaultScene } from '../support/fault-scene.ts';
import { startPrivateServer } from '../support/private-server.ts';
import { gate } from '../support/scene.ts';

const SOON = { timeout: 30_000, interval: 10 };

/** The most connections that came within any second since `from`. */
function mostPerSecond({ proxy }: FaultScene, from: number): number {
  const since = proxy.arrivals.filter((at) => at >= from);
  return Math.max(0, ...since.map((at) => since.filter((other) => other >= at && other < at + 1000).length));
}

// Seen red with: ConnectGate that lets everybody pass, and BACKOFF with a base of 1 ms (120 connections in a second).
test('B7: a backend is killed, so the server ends every session: all come back, a few connections at a time', async () => {
  const server = await startPrivateServer();
  await using scene = await openFaultScene({ stage: server.stage });
  const daemon = await scene.start({ bulkLimit: 10 });
  await scene.append(100);
  await scene.expectExact(daemon);
  for (let round = 0; round < 2; round++) {
    const sessions = await scene.sql<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
      ORDER BY (application_name LIKE 'projectionist:%') DESC`;
    const pids = sessions.map(({ pid }) => pid);
    const killedAt = performance.now();
    process.kill(pids[0] ?? 0, 'SIGKILL');
    await vi.waitFor(
      async () => expect(await scene.sql`SELECT FROM pg_stat_activity WHERE pid = ANY(${pids}::int[])`).toEqual([]),
      SOON,
    );
    await scene.append(100);
    await scene.expectExact(daemon);
    expect(mostPerSecond(scene, killedAt)).toBeLessThan(60);
  }
  expect(scene.lines().length).toBeLessThan(100);
});

// Seen red with: `#databaseTrouble` never set (healthy all the time).
test('B8: the server is stopped in an instant and started: not ready meanwhile, then everything is right', async () => {
  const server = await startPrivateServer();
  await using scene = await openFaultScene({ stage: server.stage });
  const daemon = await scene.start({ bulkLimit: 10 });
  for (let round = 0; round < 2; round++) {
    await scene.append(100);
    await server.crash();
    await vi.waitFor(() => expect(daemon.healthy()).toBe(false), SOON);
    await server.start();
    await vi.waitFor(() => expect(daemon.healthy()).toBe(true), SOON);
    await scene.expectExact(daemon);
  }
  expect(scene.lines().filter((line) => line.startsWith('error'))).toEqual([]);
});

// Seen red with: ConnectGate that lets everybody pass; newsFilter that does; the answer of `healthy` always true.
test('B9: while the server is away it is tried a few times a second, told once, and nothing piles up', async () => {
  const server = await startPrivateServer();
  await using scene = await openFaultScene({ stage: server.stage });
  const daemon = await scene.start();
  await scene.append(50);
  await scene.expectExact(daemon);
  await server.stop();
  const wentAt = performance.now();
  const tries = () => scene.proxy.arrivals.filter((at) => at >= wentAt).length;
  await vi.waitFor(() => expect(tries()).toBeGreaterThan(5), SOON);
  const handles = process.getActiveResourcesInfo().length;
  await vi.waitFor(() => expect(tries()).toBeGreaterThan(12), SOON);
  expect(daemon.healthy()).toBe(false);
  expect(process.getActiveResourcesInfo().length).toBeLessThan(handles + 15);
  expect(mostPerSecond(scene, wentAt + 2000)).toBeLessThan(12);
  const told = scene.lines().filter((line) => line.includes('does not answer'));
  expect(told).toEqual(['warn the database does not answer; looking again with every hint']);
  await server.start();
  await scene.append(50);
  await scene.expectExact(daemon, 60_000);
  expect(scene.lines()).toContain('info the database answers again');
  expect(scene.lines().filter((line) => line.includes('transition')).length).toBeLessThan(60);
});

// Seen red with: #isStale() as false (the puller then trusts the place it remembers, and waits for ever).
test('B17: a crash takes back commits that were not flushed: rows and positions go together, and are made again', async () => {
  const server = await startPrivateServer({ synchronous_commit: 'off' });
  await using scene = await openFaultScene({ stage: server.stage });
  let held: Promise<void> | null = null;
  const daemon = await scene.start({
    bulkLimit: 10,
    failpoint: (point) => (point === 'locked' && held !== null ? held : undefined),
  });
  await scene.append(50);
  await scene.expectExact(daemon);
  // The events are safe before a page is made of them; what is made of them is not.
  let goOn = gate();
  held = goOn.passed;
  await scene.append(60);
  await server.holdBackWal();
  await scene.sql`CHECKPOINT`;
  const before = await cursors(scene);
  goOn.open();
  await scene.expectExact(daemon);
  const after = await cursors(scene);

  goOn = gate();
  held = goOn.passed;
  await server.crash();
  await server.start();
  await vi.waitFor(async () => expect(await cursors(scene)).toEqual(before), SOON);
  goOn.open();
  await scene.expectExact(daemon);
  expect(await cursors(scene)).toEqual(after);
});

async function cursors({ sql }: FaultScene): Promise<readonly unknown[]> {
  return await sql`SELECT name, cursor FROM projection_state ORDER BY name`;
}
