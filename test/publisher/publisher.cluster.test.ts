import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { freePort } from '../../src/embedded/settings.ts';
import { append } from '../../src/event-store/append.ts';
import { onNode } from '../support/broker.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore, untilCaughtUp } from '../support/engine.ts';
import { expectedLedger, ledger } from '../support/ledger.ts';
import {
  appended,
  bindQueue,
  collect,
  firstDeliveries,
  startPublishing,
  untilPublished,
  untilPublisher,
} from '../support/publishing.ts';
import { type RabbitNode, startRabbitNode } from '../support/rabbit-node.ts';

/** Three nodes that know each other; the first one starts alone and the others join it. */
async function startCluster(home: string): Promise<readonly [RabbitNode, RabbitNode, RabbitNode]> {
  const cluster = { home, epmdPort: await freePort() };
  const first = await startRabbitNode({ cluster });
  const others = [await startRabbitNode({ cluster }), await startRabbitNode({ cluster })] as const;
  for (const node of others) {
    await node.stopApp();
    await node.ctl('join_cluster', first.name);
    await node.startApp();
  }
  return [first, ...others];
}

test('nothing is lost when the connected node of a cluster of three is killed under load', async () => {
  const home = await mkdtemp(join(tmpdir(), 'projectionist-cluster-'));
  await using database = await createTestDatabase();
  const sql = await openStore(database, [ledger]);
  const nodes = await startCluster(home);
  try {
    const before = await onNode(nodes[2]);
    const exchange = before.name('exchange');
    const queue = await bindQueue(before, exchange, { 'x-queue-type': 'quorum' });
    const urls = nodes.map(({ url }) => url);
    await using daemon = await startPublishing(database, { url: nodes[0].url, exchange }, { urls });
    let over = false;
    const appending = (async () => {
      while (!over) {
        await append(sql, appended(20));
        await vi.waitFor(async () => expect((await daemon.publisher())?.lagEvents).toBeLessThan(3000), {
          timeout: 60_000,
        });
      }
    })();
    const { cursor } = await untilPublisher(
      daemon,
      ({ state, unconfirmed }) => state === 'publishing' && unconfirmed > 1,
    );
    await nodes[0].kill();
    await untilPublisher(daemon, (status) => BigInt(status.cursor) > BigInt(cursor) + 10_000n, 60_000);
    over = true;
    await appending;
    await untilPublished(daemon, sql, 60_000);
    await untilCaughtUp(daemon, sql);
    const deliveries = await collect(before.connection, queue);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries).length).toBe(expected.length), { timeout: 60_000 });
    expect(firstDeliveries(deliveries)).toEqual(expected);
    console.log(JSON.stringify({ events: expected.length, deliveries: deliveries.length }));
    await before[Symbol.asyncDispose]();
  } finally {
    await sql.end();
    for (const node of nodes.toReversed()) await node[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  }
});
