import { expect, test, vi } from 'vitest';
import type { Failpoint } from '../../src/projector/failpoint.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { witnesses } from '../support/witnesses.ts';

// Seen red with: the listeners for 'error' left out of session-client.ts and of the pool (the process would have ended).
test('B4: idle sessions that are ended are replaced, the listening one included, without a change of state', async () => {
  await using scene = await openFaultScene();
  // Without pings, so that LISTEN stays the last statement of the session.
  const daemon = await scene.start({ timeouts: { pingEveryMs: 600_000 } });
  const listening = async () =>
    (
      await scene.sql<{ pid: number }[]>`
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`
    ).map(({ pid }) => pid);
  for (let round = 0; round < 3; round++) {
    await scene.append(30);
    await scene.expectExact(daemon);
    const before = await vi.waitFor(
      async () => {
        const pids = await listening();
        expect(pids).toHaveLength(1);
        return pids;
      },
      { timeout: 10_000 },
    );
    const ended = await scene.sql<{ gone: boolean }[]>`
      SELECT pg_terminate_backend(pid, 5000) AS gone FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'projectionist:%'`;
    expect(ended.length).toBeGreaterThanOrEqual(4);
    await vi.waitFor(async () => expect(await listening()).not.toEqual(before), { timeout: 10_000 });
  }
  await scene.append(30);
  await scene.expectExact(daemon);
  expect(scene.lines().length).toBeLessThan(60);
});

// Seen red with: the cursor moved in a transaction of its own.
test('B5: a page whose session is ended between two statements is rolled back completely and applied again', async () => {
  const points: readonly Failpoint[] = ['locked', 'rows-written', 'cursor-moved'];
  const left = new Set(points.flatMap((point) => witnesses.map(({ name }) => `${point} ${name}`)));
  await using scene = await openFaultScene();
  await scene.append(60);
  const daemon = await scene.start({
    id: 'b5',
    bulkLimit: 10,
    failpoint: async (point, name) => {
      if (!left.delete(`${point} ${name}`)) return;
      const ended = await scene.sql<{ gone: boolean }[]>`
        SELECT pg_terminate_backend(pid, 5000) AS gone FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = ${`proj:b5:${name}`}`;
      expect(ended).toEqual([{ gone: true }]);
    },
  });
  await scene.expectExact(daemon);
  expect([...left]).toEqual([]);
  expect(scene.lines().filter((line) => line.startsWith('error'))).toEqual([]);
});
