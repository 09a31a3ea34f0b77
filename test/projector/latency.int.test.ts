import { expect, test, vi } from 'vitest';
import { untilCaughtUp } from '../support/engine.ts';
import { ledger } from '../support/ledger.ts';
import { appended } from '../support/publishing.ts';
import { openScene } from '../support/scene.ts';

// Seen red with: pages of the catch-up counted too; `wentLive` never called; `zero` left out for a projection that starts.
test('the time from append to visible row is counted while live, and not for a replay or an import of old events', async () => {
  await using scene = await openScene([ledger]);
  const daemon = await scene.start();
  const counted = async () => (await daemon.latency()).find(({ name }) => name === 'ledger')?.count;
  await untilCaughtUp(daemon, scene.sql);
  await scene.append(...appended(1).map((event) => ({ ...event, occurredAt: '2020-01-01T00:00:00Z' })));
  await untilCaughtUp(daemon, scene.sql);
  expect(await counted()).toBe(0);
  await scene.append(...appended(1));
  await vi.waitFor(async () => expect(await counted()).toBe(1));
  const [metrics] = await daemon.latency();
  expect(metrics?.sum).toBeLessThan(30);
  expect(metrics?.buckets.at(-1)).toEqual({ le: 60, count: 1 });
  await daemon.send('ledger', 'RESET');
  await untilCaughtUp(daemon, scene.sql);
  expect(await counted()).toBe(1);
});
