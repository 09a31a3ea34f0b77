import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import type { RawEvent } from '../../src/event-store/read.ts';
import { defineProjection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { type Message, toMessage } from '../../src/publisher/message.ts';
import { PublishingChannel } from '../../src/publisher/publishing-channel.ts';
import { openBroker } from '../support/broker.ts';
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
import { startTcpProxy, through } from '../support/tcp-proxy.ts';

const broker = await openBroker();

const old: RawEvent = {
  position: 7n,
  id: '00000000-0000-4000-8000-000000000007',
  instanceId: '',
  aggregateName: 'domain.Test',
  aggregateId: 'old',
  sequenceNo: 1n,
  name: 'Appended',
  occurredAt: '1969-12-31T23:59:59.000000Z',
  tstamp: -1n,
  payload: '{}',
  metadata: '{}',
};

describe.skipIf(broker === null)('the publisher', () => {
  if (broker === null) return;
  const { url } = broker;
  let database: TestDatabase;
  let sql: Sql;
  let exchange: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    sql = await openStore(database, [ledger]);
  });
  beforeEach(async () => {
    await emptyStore(sql, [ledger]);
    exchange = broker.name('exchange');
  });
  afterAll(async () => {
    await sql.end();
    await database.drop();
    await broker[Symbol.asyncDispose]();
  });

  test('sends every event as the contract says, in order', async () => {
    const queue = await bindQueue(broker, exchange);
    await append(sql, [
      {
        aggregateName: 'domain.Band',
        aggregateId: 'a',
        sequenceNo: 1,
        name: 'BandCreated',
        id: '00000000-0000-4000-8000-000000000001',
        occurredAt: '2026-03-01T19:00:00.123456Z',
        payload: { name: 'Lasse Stefanz', big: 12345678901234567890n },
        metadata: { by: 'test' },
      },
    ]);
    await using daemon = await startPublishing(database, { url, exchange });
    await untilPublished(daemon, sql);
    const message = await broker.channel.get(queue, { noAck: true });
    if (message === false) throw new Error('there is no message');
    const [{ position }] = await sql<[{ position: string }]>`SELECT position::text FROM events`;
    expect(message.fields).toMatchObject({ exchange, routingKey: 'domain.Band.BandCreated' });
    expect(message.properties).toMatchObject({
      messageId: '00000000-0000-4000-8000-000000000001',
      type: 'BandCreated',
      contentType: 'application/json',
      deliveryMode: 2,
      timestamp: 1772391600,
      headers: { position, previous: '0' },
    });
    expect(message.content.toString()).toBe(
      `{"position":"${position}","id":"00000000-0000-4000-8000-000000000001","instanceId":"","aggregateName":"domain.Band","aggregateId":"a","sequenceNo":1,"name":"BandCreated","occurredAt":"2026-03-01T19:00:00.123456Z","tstamp":1772391600,"payload":{"big": 12345678901234567890, "name": "Lasse Stefanz"},"metadata":{"by": "test"}}`,
    );
  });

  // Seen red with: isTimestamp always true (the driver cannot encode the first, and nothing after it is ever sent).
  test('sends events of 1969 and of BC without a timestamp, and what follows them', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await sql`
      INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload, occurred_at)
      SELECT 'domain.Test', 'old', n, 'Appended', '{}', at::timestamptz
      FROM unnest(ARRAY['1969-12-31 23:59:59Z', '0044-03-15 12:00:00Z BC', '2026-03-01 19:00:00Z']) WITH ORDINALITY AS o (at, n)`;
    await using daemon = await startPublishing(database, { url, exchange });
    await untilPublished(daemon, sql);
    await vi.waitFor(async () => expect(firstDeliveries(deliveries)).toEqual(await expectedLedger(sql)));
  });

  // Seen red with: the encoder's error thrown on; RangeError or TypeError left out of what is caught.
  test('gets the reason in words when the driver cannot encode a message, and the channel goes on', async () => {
    const queue = await bindQueue(broker, exchange);
    const channel = await broker.connection.createConfirmChannel();
    const publishingChannel = new PublishingChannel(channel, exchange);
    const send = (properties: Partial<Message['properties']>): Promise<string | null> =>
      new Promise((resolve) => {
        const message = toMessage(old, 0n);
        if (typeof message === 'string') throw new Error(message);
        const sent = { ...message, properties: { ...message.properties, ...properties } };
        const reason = publishingChannel.publish(sent, (accepted) => resolve(accepted ? 'accepted' : 'refused'));
        if (reason !== null) resolve(reason);
      });
    expect(await send({ timestamp: -1 })).toMatch(/^AMQP cannot carry it \(.*range/);
    expect(await send({ messageId: 'x'.repeat(256) })).toMatch(/^AMQP cannot carry it \(Field 'messageId'/);
    expect(await send({})).toBe('accepted');
    expect(publishingChannel.end).toBe(null);
    expect(await broker.channel.checkQueue(queue)).toMatchObject({ messageCount: 1 });
    await channel.close();
  });

  test('sends what is appended while it runs, and has a row in projection_state but none in readviews', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await using daemon = await startPublishing(database, { url, exchange });
    for (let round = 0; round < 20; round += 1) await append(sql, appended(10));
    await untilPublished(daemon, sql);
    await vi.waitFor(async () => expect(firstDeliveries(deliveries)).toEqual(await expectedLedger(sql)));
    expect(await sql`SELECT name FROM readviews`).toEqual([{ name: 'ledger' }]);
    expect((await daemon.status()).map(({ name }) => name)).toEqual(['ledger']);
    await untilCaughtUp(daemon, sql);
  });

  // Seen red with: the confirmed prefix not stored at the end of a batch.
  test('continues after the confirmed events when it is started again, and sends none twice', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    for (let round = 0; round < 3; round += 1) {
      await append(sql, appended(50));
      const daemon = await startPublishing(database, { url, exchange });
      await append(sql, appended(50));
      await untilPublished(daemon, sql);
      await daemon.stop();
    }
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(deliveries.map(({ position, id }) => `${position} ${id}`)).toEqual(expected));
    expect(deliveries.map(({ previous }) => previous)).toEqual([
      0n,
      ...deliveries.slice(0, -1).map((one) => one.position),
    ]);
  });

  // Seen red with: a new channel that continues behind what was sent over the old one; the driver's "channel closed" counted as a confirm.
  test('sends everything at least once and first deliveries in order while the connection is cut again and again', async () => {
    const { hostname: host, port } = new URL(url);
    await using proxy = await startTcpProxy({ host, port: Number(port || 5672) });
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await append(sql, appended(2000));
    await using daemon = await startPublishing(database, { url: through(url, proxy), exchange });
    for (let cuts = 0; cuts < 6; cuts += 1) {
      const before = deliveries.length;
      await append(sql, appended(1000));
      await vi.waitFor(() => expect(deliveries.length).toBeGreaterThan(before), { timeout: 20_000, interval: 1 });
      proxy.cut();
    }
    await untilPublished(daemon, sql);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
  });

  // Seen red with: `onSilence` not called.
  test('replaces a channel that accepts messages and confirms none, and sends them again over another one', async () => {
    const { hostname: host, port } = new URL(url);
    await using proxy = await startTcpProxy({ host, port: Number(port || 5672) });
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await append(sql, appended(10));
    await using daemon = await startPublishing(
      database,
      { url: through(url, proxy), exchange },
      { confirmWithinMs: 300 },
    );
    await untilPublished(daemon, sql);
    proxy.hold();
    await append(sql, appended(100));
    await untilPublished(daemon, sql, 9000);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
  });

  // Seen red with: `this.#stored = null` taken out of the relay's catch.
  test('sends confirmed events again, in order, when the cursor was not committed', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await append(sql, appended(300));
    await sql.unsafe(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$;
      CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON projection_state DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.name = '$publisher') EXECUTE FUNCTION fail()`);
    await using daemon = await startPublishing(database, { url, exchange });
    await untilPublisher(daemon, ({ state, detail }) => state === 'backing-off' && detail === 'backing off: disk full');
    await vi.waitFor(() => expect(deliveries.length).toBeGreaterThan(300), { timeout: 20_000 });
    expect((await daemon.publisher())?.cursor).toBe('0');
    await sql.unsafe('DROP TRIGGER fail ON projection_state; DROP FUNCTION fail()');
    await untilPublished(daemon, sql);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
  });

  // Seen red with: a nack counted as a confirm.
  test('repeats what a full queue refuses until the queue accepts it, in order', async () => {
    const queue = await bindQueue(broker, exchange, { 'x-max-length': 5, 'x-overflow': 'reject-publish' });
    await append(sql, appended(60));
    await using daemon = await startPublishing(database, { url, exchange });
    const refused = await untilPublisher(daemon, ({ state, detail }) => state === 'backing-off' && detail !== null);
    expect(refused.detail).toMatch(/^backing off: a queue refused the event after \d+$/);
    const deliveries = await collect(broker.connection, queue);
    await untilPublished(daemon, sql);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
    await untilCaughtUp(daemon, sql);
  });

  // Seen red with: the end of the connection reported after the refusal that caused it.
  test('reports an exchange of another type, keeps trying, and publishes once that exchange is deleted', async () => {
    await broker.channel.assertExchange(exchange, 'fanout');
    await append(sql, appended(3));
    await using daemon = await startPublishing(database, { url, exchange });
    const { detail } = await untilPublisher(daemon, ({ state, detail: why }) => state === 'connecting' && why !== null);
    expect(detail).toContain(`'${exchange}' is not a durable topic exchange: delete it, or set AMQP_EXCHANGE`);
    await untilCaughtUp(daemon, sql);
    await broker.channel.deleteExchange(exchange);
    await untilPublished(daemon, sql);
  });

  // Seen red with: the event passed over and those behind it sent.
  test('halts exactly before an event that AMQP cannot carry, and goes on when the operator leaves it out', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await append(sql, appended(5));
    await append(sql, [{ aggregateName: 'x'.repeat(300), aggregateId: 'a', sequenceNo: 1, name: 'Long', payload: {} }]);
    await append(sql, appended(5));
    const all = await expectedLedger(sql);
    await using daemon = await startPublishing(database, { url, exchange }, { retryHaltedAfterMs: 50 });
    const halted = await untilPublisher(daemon, ({ state }) => state === 'halted');
    const [position, id] = (all[5] ?? '').split(' ');
    expect(halted.detail).toBe(
      `cannot publish Long at position ${position} (${id}): its routing key, aggregate name and event name, has more than 255 bytes`,
    );
    expect(halted.cursor).toBe(all[4]?.split(' ')[0]);
    await untilApplied(daemon, sql);
    // A consumer may receive a message after the publisher has its confirm.
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(all.slice(0, 5)));
    // As docs/publisher.md has it.
    await sql.unsafe(
      `UPDATE projection_state SET cursor = ${position}, last_event_id = NULL WHERE name = '$publisher' AND cursor < ${position}`,
    );
    await untilPublished(daemon, sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(all.toSpliced(5, 1)));
  });

  test('carries positions beyond 2^53 as decimal strings', async () => {
    const queue = await bindQueue(broker, exchange);
    await sql`SELECT setval(pg_get_serial_sequence('events', 'position'), 9007199254740992)`;
    await append(sql, appended(2, { amount: 9007199254740993n }));
    await using daemon = await startPublishing(database, { url, exchange });
    await untilPublished(daemon, sql);
    const message = await broker.channel.get(queue, { noAck: true });
    if (message === false) throw new Error('there is no message');
    expect(message.properties.headers).toEqual({ position: '9007199254740993', previous: '0' });
    expect(message.content.toString()).toMatch(
      /^{"position":"9007199254740993",.*"payload":{"amount": 9007199254740993}/,
    );
  });

  // Seen red with: the check of the history left out.
  test('halts when the store was restored to an earlier point, and publishes nothing', async () => {
    const queue = await bindQueue(broker, exchange);
    await append(sql, appended(3));
    const first = await startPublishing(database, { url, exchange });
    await untilPublished(first, sql);
    await first.stop();
    await broker.channel.purgeQueue(queue);
    await sql`TRUNCATE events RESTART IDENTITY`;
    await append(sql, appended(1));
    await using daemon = await startPublishing(database, { url, exchange });
    const { detail } = await untilPublisher(daemon, ({ state }) => state === 'halted');
    expect(detail).toBe(
      'the store is not the one whose events were published up to 3: it was restored or replaced; docs/publisher.md has the steps to go on',
    );
    expect(await broker.channel.checkQueue(queue)).toMatchObject({ messageCount: 0 });
  });

  test('takes no commands, and no projection can have its name', async () => {
    await using daemon = await startPublishing(database, { url, exchange });
    await expect(daemon.send('$publisher', 'RESET')).rejects.toMatchObject({ code: 'PUBLISHER_TAKES_NO_COMMANDS' });
    expect(() => defineProjection()({ name: '$publisher', tables: { a: { key: ['id'] } }, on: {} })).toThrow(
      "'$publisher' cannot name a projection",
    );
  });

  // Seen red with: the refusal of NOWAIT treated as an error of the database.
  test('runs in one of two daemons; the other stands by and takes over in order', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await append(sql, appended(3000));
    const one = await startPublishing(database, { url, exchange, id: 'one' });
    await using two = await startPublishing(database, { url, exchange, id: 'two' });
    const states = new Set<string | undefined>();
    for (let round = 0; round < 30; round += 1) {
      await append(sql, appended(100));
      for (const daemon of [one, two]) states.add((await daemon.publisher())?.state);
    }
    await one.stop();
    await append(sql, appended(100));
    await untilPublished(two, sql);
    const expected = await expectedLedger(sql);
    await vi.waitFor(() => expect(firstDeliveries(deliveries)).toEqual(expected));
    expect([...states]).not.toContain('backing-off');
    expect((await two.publisher())?.owner).toBe('two');
    await untilApplied(two, sql);
  });

  test('keeps nothing in memory while there is no broker, and stops at once', async () => {
    const { hostname: host, port } = new URL(url);
    await using proxy = await startTcpProxy({ host, port: Number(port || 5672) });
    proxy.open = false;
    await append(sql, appended(5000));
    const daemon = await startPublishing(database, { url: through(url, proxy), exchange });
    await untilPublisher(daemon, ({ state, detail }) => state === 'connecting' && detail !== null);
    await untilCaughtUp(daemon, sql);
    expect(await daemon.publisher()).toMatchObject({
      state: 'connecting',
      cursor: '0',
      unconfirmed: 0,
      lagEvents: 5000,
    });
    const began = performance.now();
    await daemon.stop();
    expect(performance.now() - began).toBeLessThan(8000);
  });

  // Seen red with: hasRoom() always true.
  test('keeps its bounds for messages in flight and for memory while it is 30,000 events behind', async () => {
    await bindQueue(broker, exchange, { 'x-max-length': 1000 });
    await sql`
      INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
      SELECT 'domain.Test', 'far', n, 'Appended', jsonb_build_object('text', repeat('x', 500)) FROM generate_series(1, 30000) AS n`;
    await using daemon = await startPublishing(
      database,
      { url, exchange },
      { limits: { messages: 1000, bytes: 8_000_000 } },
    );
    let inFlight = 0;
    let megabytes = 0;
    await vi.waitFor(
      async () => {
        const status = await daemon.publisher();
        inFlight = Math.max(inFlight, status?.unconfirmed ?? 0);
        megabytes = Math.max(megabytes, process.memoryUsage().heapUsed / 2 ** 20);
        expect(status).toMatchObject({ state: 'idle', lagEvents: 0 });
      },
      { timeout: 100_000, interval: 10 },
    );
    expect(inFlight).toBeGreaterThan(100);
    expect(inFlight).toBeLessThanOrEqual(1000);
    expect(megabytes).toBeLessThan(400);
  }, 120_000);
});
