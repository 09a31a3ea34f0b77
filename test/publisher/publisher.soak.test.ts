import { setInterval as every } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { onNode } from '../support/broker.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore, untilCaughtUp } from '../support/engine.ts';
import { expectedLedger, ledger, readLedger } from '../support/ledger.ts';
import {
  appended,
  bindQueue,
  collect,
  firstDeliveries,
  startPublishing,
  untilPublished,
} from '../support/publishing.ts';
import { rabbitBinaries, startRabbitNode } from '../support/rabbit-node.ts';

const SECONDS = Number(process.env['SOAK_BROKER_SECONDS'] ?? 300);
const KILL_EVERY_MS = 20_000;

const installed = (await rabbitBinaries()) !== null;

test.skipIf(!installed)('everything is published, in order, while the broker is killed every 20 s', async () => {
  await using database = await createTestDatabase();
  const sql = await openStore(database, [ledger]);
  await using node = await startRabbitNode();
  const before = await onNode(node);
  const exchange = before.name('exchange');
  const queue = await bindQueue(before, exchange);
  const daemon = await startPublishing(database, { url: node.url, exchange });
  const until = Date.now() + SECONDS * 1000;
  let kills = 0;
  let worst = 0;
  const heaps: number[] = [];
  const resources: number[] = [];

  const appending = (async () => {
    for await (const _ of every(50)) {
      await append(sql, appended(10));
      worst = Math.max(worst, (await daemon.publisher())?.unconfirmed ?? 0);
      if (Date.now() > until) return;
    }
  })();
  for await (const _ of every(KILL_EVERY_MS)) {
    if (Date.now() > until) break;
    await node.kill();
    kills += 1;
    await node.start();
    await untilCloseToTheEnd(daemon);
    globalThis.gc?.();
    heaps.push(Math.round(process.memoryUsage().heapUsed / 2 ** 20));
    resources.push(process.getActiveResourcesInfo().length);
  }
  await appending;
  await untilPublished(daemon, sql, 120_000);
  await untilCaughtUp(daemon, sql);
  const after = await onNode(node);
  const deliveries = await collect(after.connection, queue);
  const expected = await expectedLedger(sql);
  await expect.poll(() => firstDeliveries(deliveries).length, { timeout: 60_000 }).toBe(expected.length);
  expect(firstDeliveries(deliveries)).toEqual(expected);
  expect(await readLedger(sql)).toEqual(await expectedLedger(sql));
  console.log(
    JSON.stringify({
      events: expected.length,
      deliveries: deliveries.length,
      kills,
      inFlightAtMost: worst,
      heaps,
      resources,
    }),
  );
  // A leak raises the least of them too; single ones vary with what is under way just then.
  expect(Math.min(...heaps.slice(-3)) - Math.min(...heaps.slice(0, 3))).toBeLessThan(20);
  expect(Math.min(...resources.slice(-3))).toBeLessThanOrEqual(Math.max(...resources.slice(0, 3)));
  await after[Symbol.asyncDispose]();
  await before[Symbol.asyncDispose]();
  await daemon.stop();
  await sql.end();
});

async function untilCloseToTheEnd(daemon: Awaited<ReturnType<typeof startPublishing>>): Promise<void> {
  await expect
    .poll(async () => (await daemon.publisher())?.lagEvents, { timeout: 60_000, interval: 100 })
    .toBeLessThan(200);
}
