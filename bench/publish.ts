import { randomBytes } from 'node:crypto';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { createDaemon, publisher } from '../src/index.ts';
import type { DatabaseAddress, Sql } from '../src/postgres/pool.ts';
import type { Message } from '../src/publisher/message.ts';

/** Messages in flight of the bare loop: the default of the publisher. */
const IN_FLIGHT = 4000;

/** A broker, with an exchange and a durable queue behind it for each run. */
export interface BenchBroker extends AsyncDisposable {
  readonly url: string;
  /** A new exchange whose messages all go into one durable queue. */
  exchange(): Promise<string>;
  readonly connection: ChannelModel;
}

export async function openBroker(url: string): Promise<BenchBroker> {
  const connection = await connect(url, { timeout: 10_000 });
  const channel = await connection.createChannel();
  const names: string[] = [];
  return {
    url,
    connection,
    exchange: async () => {
      const name = `projectionist.bench.${randomBytes(6).toString('hex')}`;
      for (const old of names.splice(0)) await remove(channel, old);
      names.push(name);
      await channel.assertExchange(name, 'topic', { durable: true });
      await channel.assertQueue(name, { durable: true });
      await channel.bindQueue(name, name, '#');
      return name;
    },
    [Symbol.asyncDispose]: async () => {
      for (const name of names) await remove(channel, name);
      await connection.close();
    },
  };
}

async function remove(channel: Awaited<ReturnType<ChannelModel['createChannel']>>, name: string): Promise<void> {
  await channel.deleteQueue(name);
  await channel.deleteExchange(name);
}

/** Milliseconds of a loop that publishes prepared messages, with as many in flight as the publisher. */
export async function timeBareLoop(broker: BenchBroker, messages: readonly Message[]): Promise<number> {
  const exchange = await broker.exchange();
  const channel = await broker.connection.createConfirmChannel();
  const began = performance.now();
  await publishAll(channel, exchange, messages);
  const ms = performance.now() - began;
  await channel.close();
  return ms;
}

function publishAll(channel: ConfirmChannel, exchange: string, messages: readonly Message[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let confirmed = 0;
    const send = (): void => {
      for (; next < messages.length && next - confirmed < IN_FLIGHT; next += 1) {
        const message = messages[next];
        if (message === undefined) return;
        channel.publish(exchange, message.routingKey, message.content, message.properties, (error) => {
          if (error !== null) reject(error instanceof Error ? error : new Error(String(error)));
          confirmed += 1;
          if (confirmed === messages.length) resolve();
          else if (confirmed % 100 === 0) send();
        });
      }
    };
    send();
  });
}

/** Milliseconds from when a daemon that has everything to publish runs, connecting to the broker included, until the last confirm is stored. */
export async function timePublisher(broker: BenchBroker, address: DatabaseAddress, sql: Sql): Promise<number> {
  const exchange = await broker.exchange();
  await sql`DELETE FROM projection_state WHERE name = '$publisher'`;
  const [{ last }] = await sql<[{ last: bigint }]>`SELECT max(position) AS last FROM events`;
  await using daemon = createDaemon({
    projections: [],
    database: address,
    publisher: publisher({ urls: [broker.url], exchange }),
  });
  await daemon.start();
  const began = performance.now();
  for (;;) {
    const [row] = await sql<{ cursor: bigint }[]>`SELECT cursor FROM projection_state WHERE name = '$publisher'`;
    if (row?.cursor === last) return performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
