import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { append } from '../../src/store/append.ts';
import type { Sql } from '../../src/store/connect.ts';
import { openBroker } from '../support/broker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore, untilCaughtUp } from '../support/engine.ts';
import { ledger } from '../support/ledger.ts';
import {
  appended,
  bindQueue,
  collect,
  firstDeliveries,
  startPublishing,
  storedEvents,
  untilPublished,
} from '../support/publishing.ts';

const broker = await openBroker();

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
      `{"position":"${position}","id":"00000000-0000-4000-8000-000000000001","instanceId":"","aggregateName":"domain.Band","aggregateId":"a","sequenceNo":1,"name":"BandCreated","occurredAt":"2026-03-01T19:00:00.123456Z","tstamp":1772391600,"payload":{"big":12345678901234567890,"name":"Lasse Stefanz"},"metadata":{"by":"test"}}`,
    );
  });

  test('sends what is appended while it runs, and has a row in projection_state but none in readviews', async () => {
    const queue = await bindQueue(broker, exchange);
    const deliveries = await collect(broker.connection, queue);
    await using daemon = await startPublishing(database, { url, exchange });
    for (let round = 0; round < 20; round += 1) await append(sql, appended(10));
    await untilPublished(daemon, sql);
    await vi.waitFor(async () => expect(firstDeliveries(deliveries)).toEqual(await storedEvents(sql)));
    expect(await sql`SELECT name FROM readviews`).toEqual([{ name: 'ledger' }]);
    expect((await daemon.status()).map(({ name }) => name)).toEqual(['ledger']);
    await untilCaughtUp(daemon, sql);
  });
});
