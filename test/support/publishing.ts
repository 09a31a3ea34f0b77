import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { expect, vi } from 'vitest';
import type { NewEvent } from '../../src/index.ts';
import { createDaemon, type Daemon, type DaemonOptions } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { type PublisherOptions, publisher } from '../../src/publisher/publisher.ts';
import type { TestBroker } from './broker.ts';
import type { TestDatabase } from './database.ts';
import { ledger } from './ledger.ts';

/** A message as a consumer received it. */
export interface Delivery {
  readonly position: bigint;
  readonly previous: bigint;
  readonly id: string;
}

let stream = 0;

/** Events of one new stream. */
export function appended(count: number, payload: unknown = {}): readonly NewEvent[] {
  stream += 1;
  return Array.from({ length: count }, (_, index) => ({
    aggregateName: 'domain.Test',
    aggregateId: `stream-${stream}`,
    sequenceNo: index + 1,
    name: 'Appended',
    payload,
  }));
}

/** A daemon with a publisher and one projection. */
export async function startPublishing(
  database: TestDatabase,
  {
    url,
    exchange,
    ...more
  }: { readonly url: string; readonly exchange: string } & Partial<Pick<DaemonOptions, 'id' | 'log'>>,
  options: Partial<PublisherOptions> = {},
): Promise<Daemon> {
  const daemon = createDaemon({
    projections: [ledger],
    database: { url: database.url },
    ...more,
    publisher: publisher({ urls: [url], exchange, ...options }),
  });
  await daemon.start();
  return daemon;
}

/** A durable queue that is bound to every routing key. Tests bind it before the first message is published. */
export async function bindQueue(
  { channel, name }: TestBroker,
  exchange: string,
  queueArguments: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  await channel.assertExchange(exchange, 'topic', { durable: true });
  const queue = name('queue');
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments });
  await channel.bindQueue(queue, exchange, '#');
  return queue;
}

/** The messages of the queue, in order of arrival. The list grows while the test runs. */
export async function collect(connection: ChannelModel, queue: string): Promise<readonly Delivery[]> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const deliveries: Delivery[] = [];
  await channel.prefetch(1000);
  await channel.consume(queue, (message) => {
    if (message === null) return;
    deliveries.push(toDelivery(message));
    channel.ack(message);
  });
  return deliveries;
}

export function toDelivery({ properties }: ConsumeMessage): Delivery {
  return {
    position: BigInt(String(properties.headers?.['position'])),
    previous: BigInt(String(properties.headers?.['previous'])),
    id: String(properties.messageId),
  };
}

/** Without repetitions. */
export function firstDeliveries(deliveries: readonly Delivery[]): readonly string[] {
  return [...new Set(deliveries.map(({ position, id }) => `${position} ${id}`))];
}

/** Waits until the publisher has stored that everything is confirmed. */
export async function untilPublished(daemon: Daemon, sql: Sql, timeout = 30_000): Promise<void> {
  await vi.waitFor(
    async () => {
      const [{ last }] = await sql<[{ last: string }]>`SELECT coalesce(max(position), 0)::text AS last FROM events`;
      expect(await daemon.publisher()).toMatchObject({ state: 'idle', cursor: last, unconfirmed: 0 });
    },
    { timeout, interval: 20 },
  );
}

/** Waits until the publisher's status satisfies the check; returns it. */
export async function untilPublisher(
  daemon: Daemon,
  check: (status: NonNullable<Awaited<ReturnType<Daemon['publisher']>>>) => boolean,
  timeout = 30_000,
) {
  return await vi.waitFor(
    async () => {
      const status = await daemon.publisher();
      if (status === null || !check(status)) throw new Error(`the publisher is ${JSON.stringify(status)}`);
      return status;
    },
    { timeout, interval: 20 },
  );
}
