import { randomBytes } from 'node:crypto';
import { type ChannelModel, type ConfirmChannel, connect, type Options } from 'amqplib';
import { type RabbitNode, rabbitBinaries, startRabbitNode } from './rabbit-node.ts';

/** RabbitMQ for one test file, with a connection of the test to it. */
export interface TestBroker extends AsyncDisposable {
  readonly url: string;
  /** A channel for declarations that may fail: a channel error ends this channel alone. */
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  /** A unique name. An exchange or queue that is declared under it is deleted at the end. */
  name(what: string): string;
  /** Resolves when the broker has confirmed it. */
  publish(exchange: string, routingKey: string, content: Buffer | string, options?: Options.Publish): Promise<void>;
}

const LOCAL = 'amqp://guest:guest@127.0.0.1:5672';

/**
 * The broker of the run: TEST_AMQP_URL, else the one on this machine, else a private node where RabbitMQ is installed.
 * Null, with one line of output, where there is none: `describe.skipIf(broker === null)`.
 * @throws Error in CI when TEST_AMQP_URL does not answer, or there is no broker
 */
export async function openBroker(): Promise<TestBroker | null> {
  const given = process.env['TEST_AMQP_URL'];
  if (given) {
    const connection = await connect(given, { timeout: 10_000 }).catch((error: unknown) => {
      if (process.env['CI'] === 'true') throw new Error('TEST_AMQP_URL does not answer', { cause: error });
      return null;
    });
    return connection === null ? skipped('TEST_AMQP_URL does not answer') : await onConnection(given, connection);
  }
  const local = await connect(LOCAL, { timeout: 10_000 }).catch(() => null);
  if (local !== null) return await onConnection(LOCAL, local);
  const node = await openNode();
  return node === null ? null : await onConnection(node.url, await connect(node.url), node);
}

/** A private node for one file that causes faults; null, with one line of output, where RabbitMQ is not installed. */
export async function openNode(): Promise<RabbitNode | null> {
  return (await rabbitBinaries()) === null
    ? skipped('RabbitMQ is not installed on this machine')
    : await startRabbitNode();
}

/** A connection of the test to a node that the test started. It can be closed after the node has ended. */
export async function onNode(node: RabbitNode): Promise<TestBroker> {
  return await onConnection(node.url, await connect(node.url));
}

async function onConnection(url: string, connection: ChannelModel, node?: RabbitNode): Promise<TestBroker> {
  // Without a listener, killing the node would cause an uncaught exception.
  connection.on('error', () => undefined);
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => undefined);
  const names: string[] = [];
  return {
    url,
    connection,
    channel,
    name: (what) => {
      const name = `projectionist.test.${what}.${randomBytes(6).toString('hex')}`;
      names.push(name);
      return name;
    },
    publish: (exchange, routingKey, content, options = {}) =>
      new Promise((resolve, reject) => {
        channel.publish(exchange, routingKey, Buffer.from(content), options, (error: unknown) =>
          error === null || error === undefined ? resolve() : reject(new Error('not confirmed', { cause: error })),
        );
      }),
    [Symbol.asyncDispose]: async () => {
      await tidy(connection, names).catch(() => undefined);
      await connection.close().catch(() => undefined);
      await node?.[Symbol.asyncDispose]();
    },
  };
}

async function tidy(connection: ChannelModel, names: readonly string[]): Promise<void> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  for (const name of names) {
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
  }
  await channel.close();
}

/** @throws Error in CI, where a missing part is an error */
export function skipped(why: string): null {
  if (process.env['CI'] === 'true')
    throw new Error(
      `needs RabbitMQ: ${why}; install it (Debian: apt-get install rabbitmq-server), or set TEST_AMQP_URL`,
    );
  process.stderr.write(`skipped, needs RabbitMQ: ${why}\n`);
  return null;
}
