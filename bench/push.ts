import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import { createRandom } from '../examples/dancefinder/history/random.ts';
import { publisher } from '../src/index.ts';
import { startCaughtUp } from './catch-up.ts';
import { untilHealthy } from './flood.ts';
import { appendBand, appendSteadily, createWatch, type Latencies, watchBand } from './latency.ts';
import type { Store } from './store.ts';
import { switchTriggers } from './triggers.ts';

/** The publisher of a push: the application after its commit, or the daemon, which finds the event by its heartbeat. */
export type Publishes = 'application' | 'daemon';

export interface PushRound {
  readonly latencies: Latencies;
  /** Positions that the heartbeat found before a push announced them. */
  readonly missed: number;
}

/** A daemon without NOTIFY: its wakeups are pushes and a heartbeat each second. */
export async function measurePushes(
  store: Store,
  url: string,
  events: number,
  publishes: Publishes,
): Promise<PushRound> {
  await switchTriggers(store.sql, true);
  const exchange = `projectionist.bench.${randomBytes(6).toString('hex')}`;
  const watch = createWatch();
  const { projection, failpoint } = watchBand(watch);
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.assertExchange(exchange, 'topic', { durable: true });
  try {
    await using daemon = await startCaughtUp(store.address, [projection], {
      failpoint,
      notify: false,
      broker: { urls: [url], exchange },
      ...(publishes === 'daemon' ? { publisher: publisher({ urls: [url], exchange }) } : {}),
    });
    await untilHealthy(daemon);
    const before = daemon.hints().missed;
    const latencies = await appendSteadily(events, watch, async (id) => {
      const position = await appendBand(store.writer, id);
      if (publishes === 'application')
        channel.publish(exchange, 'domain.Band.BandCreated', body(position), { persistent: true });
      return position;
    });
    return { latencies, missed: daemon.hints().missed - before };
  } finally {
    await channel.deleteExchange(exchange);
    await connection.close();
  }
}

/** The time from publishing a message until a consumer of the same process has it: the share of the broker. */
export async function measureBarePush(url: string, messages: number): Promise<Latencies> {
  const [sender, receiver] = [await connect(url), await connect(url)];
  try {
    return await passThrough(sender, receiver, messages);
  } finally {
    await Promise.all([sender.close(), receiver.close()]);
  }
}

async function passThrough(sender: ChannelModel, receiver: ChannelModel, messages: number): Promise<Latencies> {
  const exchange = `projectionist.bench.${randomBytes(6).toString('hex')}`;
  const [out, into] = [await sender.createChannel(), await receiver.createChannel()];
  await out.assertExchange(exchange, 'topic', { durable: true });
  const { queue } = await into.assertQueue('', { exclusive: true, autoDelete: true, durable: false });
  await into.bindQueue(queue, exchange, '#.BandCreated');
  const sent = new Map<string, number>();
  const latencies: number[] = [];
  const all = new Promise<void>((resolve) => {
    void into.consume(
      queue,
      (message) => {
        const from = sent.get(String(message?.properties.messageId));
        if (from !== undefined) latencies.push(performance.now() - from);
        if (latencies.length === messages) resolve();
      },
      { noAck: true },
    );
  });
  await into.checkQueue(queue);
  const random = createRandom(1, 9);
  for (let made = 0; made < messages; made += 1) {
    await pause((random.word() / 2 ** 32) * 10);
    const messageId = randomUUID();
    sent.set(messageId, performance.now());
    out.publish(exchange, 'domain.Band.BandCreated', body(BigInt(made)), { persistent: true, messageId });
  }
  await all;
  await out.deleteExchange(exchange);
  return latencies;
}

function body(position: bigint): Buffer {
  return Buffer.from(JSON.stringify({ position: String(position) }));
}
