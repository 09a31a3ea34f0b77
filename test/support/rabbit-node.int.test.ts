import { connect as connectTcp } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { onNode, openBroker } from './broker.ts';
import { rabbitBinaries, startRabbitNode } from './rabbit-node.ts';

const installed = (await rabbitBinaries()) !== null;
const broker = await openBroker();
afterAll(async () => await broker?.[Symbol.asyncDispose]());

describe.skipIf(!installed)('a node of the test’s own', () => {
  test('takes no connections after a kill, takes them after a start, and has ended after its disposal', async () => {
    let port: number;
    {
      await using node = await startRabbitNode();
      port = node.port;
      await node.kill();
      await expect(reach(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await node.start();
      await using own = await onNode(node);
      const queue = own.name('queue');
      await own.channel.assertQueue(queue);
      await expect(own.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
    }
    await expect(reach(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    // Two starts of a broker take 10 s on an idle machine.
  }, 180_000);
});

describe.skipIf(broker === null)('the broker of the run', () => {
  test('deletes at the end the queues and exchanges that were declared under its names', async () => {
    let queue = '';
    {
      await using own = await openBroker();
      if (own === null) throw new Error('no broker');
      queue = own.name('queue');
      await own.channel.assertQueue(queue);
    }
    const channel = await broker?.connection.createChannel();
    channel?.on('error', () => undefined);
    await expect(channel?.checkQueue(queue)).rejects.toMatchObject({ code: 404 });
  });
});

function reach(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    }).on('error', reject);
  });
}
