import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { onNode, skipped, type TestBroker } from '../support/broker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore, untilApplied, untilCaughtUp } from '../support/engine.ts';
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
import { type RabbitNode, rabbitBinaries, startRabbitNode } from '../support/rabbit-node.ts';

const installed = (await rabbitBinaries()) !== null || skipped('RabbitMQ is not installed on this machine') !== null;

describe.skipIf(!installed)('the publisher, with a broker that', () => {
  let node: RabbitNode;
  let broker: TestBroker;
  let database: TestDatabase;
  let sql: Sql;
  let exchange: string;

  beforeAll(async () => {
    [node, database] = await Promise.all([
      startRabbitNode({ config: ['max_message_size = 100000'] }),
      createTestDatabase(),
    ]);
    sql = await openStore(database, [ledger]);
  });
  beforeEach(async () => {
    broker = await onNode(node);
    await emptyStore(sql, [ledger]);
    exchange = broker.name('exchange');
  });
  afterAll(async () => {
    await sql.end();
    await database.drop();
    await node[Symbol.asyncDispose]();
  });

  // Seen red with: `inFlight === 1` not asked (the publisher reconnects for ever).
  test('refuses a message for its size: it halts exactly before it, and projections go on', async () => {
    const queue = await bindQueue(broker, exchange);
    await append(sql, appended(300));
    await append(sql, appended(1, { text: 'x'.repeat(150_000) }));
    await append(sql, appended(300));
    const all = await expectedLedger(sql);
    await using daemon = await startPublishing(database, { url: node.url, exchange });
    const last = all[299]?.split(' ')[0];
    // The cursor is stored a moment after the last confirm.
    const halted = await untilPublisher(daemon, ({ state, cursor }) => state === 'halted' && cursor === last);
    const [position, id] = (all[300] ?? '').split(' ');
    expect(halted.detail).toContain(`cannot publish Appended at position ${position} (${id}): `);
    expect(halted.detail).toContain('is larger than configured max size');
    await untilCaughtUp(daemon, sql);
    const deliveries = await collect(broker.connection, queue);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(all.slice(0, 300)));
  });

  // Seen red with: BLOCKED not passed on by the publishing channels.
  test('is short of memory: it waits, projections go on, and stopping meanwhile takes no longer', async () => {
    const queue = await bindQueue(broker, exchange);
    await append(sql, appended(10));
    const daemon = await startPublishing(database, { url: node.url, exchange });
    await untilPublished(daemon, sql);
    await node.alarm(true);
    try {
      await append(sql, appended(3000));
      const blocked = await untilPublisher(daemon, ({ state }) => state === 'blocked');
      expect(blocked.detail).toMatch(/^the broker accepts no messages: /);
      await untilApplied(daemon, sql);
      const began = performance.now();
      await daemon.stop();
      expect(performance.now() - began).toBeLessThan(10_000);
      const states: unknown[] = [];
      const note = (fields: object): void => {
        if ('publisher' in fields) states.push(Reflect.get(fields, 'state'));
      };
      await using second = await startPublishing(
        database,
        { url: node.url, exchange, log: { debug: note, info: note, warn: note, error: note } },
        { confirmWithinMs: 1000 },
      );
      await untilPublisher(second, ({ state }) => state === 'blocked');
      await node.alarm(false);
      await untilPublished(second, sql);
      // The channel was kept, although the broker was silent for longer than confirmWithinMs.
      expect(states.lastIndexOf('connecting')).toBeLessThan(states.indexOf('blocked'));
    } finally {
      await node.alarm(false);
    }
    const deliveries = await collect(broker.connection, queue);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
  });

  // Seen red with: a new channel that continues behind what was sent over the old one.
  test.each([
    ['kill -9', 'classic'],
    ['stop_app', 'quorum'],
  ])(
    'goes away by %s under load: a %s queue gets every event, first deliveries in order',
    async (how, type) => {
      const queue = await bindQueue(broker, exchange, { 'x-queue-type': type });
      await using daemon = await startPublishing(database, { url: node.url, exchange });
      let over = false;
      const appending = (async () => {
        for (let round = 0; round < 300 && !over; round += 1) await append(sql, appended(20));
      })();
      await untilPublisher(daemon, ({ cursor }) => BigInt(cursor) > 200n);
      if (how === 'kill -9') {
        await node.kill();
        await untilPublisher(daemon, ({ state }) => state === 'connecting');
        await node.start();
      } else {
        await node.stopApp();
        await untilPublisher(daemon, ({ state }) => state === 'connecting');
        await node.startApp();
      }
      over = true;
      await appending;
      await untilPublished(daemon, sql, 60_000);
      const after = await onNode(node);
      const deliveries = await collect(after.connection, queue);
      const expected = await expectedLedger(sql);
      await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected), { timeout: 20_000 });
      await after[Symbol.asyncDispose]();
    },
    120_000,
  );

  // Seen red with: a channel that the broker closed reported as `disconnected` (it reconnects several times a second).
  test('does not permit publishing: it tries again after growing backoffs, and publishes once it is permitted', async () => {
    await broker.channel.assertExchange(exchange, 'topic', { durable: true });
    await node.ctl('add_user', 'reader', 'secret');
    await node.ctl('set_permissions', 'reader', '^$', '^$', '.*');
    await append(sql, appended(3));
    await using daemon = await startPublishing(database, {
      url: node.url.replace('guest:guest', 'reader:secret'),
      exchange,
    });
    const refused = await untilPublisher(daemon, ({ state }) => state === 'backing-off');
    expect(refused.detail).toContain('403 (ACCESS-REFUSED)');
    await untilApplied(daemon, sql);
    await node.ctl('set_permissions', 'reader', '^$', '.*', '.*');
    await untilPublished(daemon, sql);
  });

  // Seen red with: a wait of a minute for the broker's answer to the close of the connection.
  test('is frozen: the daemon stops all the same', async () => {
    await using daemon = await startPublishing(database, { url: node.url, exchange });
    await append(sql, appended(10));
    await untilPublished(daemon, sql);
    node.freeze();
    try {
      await append(sql, appended(500));
      await untilApplied(daemon, sql);
      const began = performance.now();
      await daemon.stop();
      expect(performance.now() - began).toBeLessThan(12_000);
    } finally {
      node.thaw();
    }
  });
});
