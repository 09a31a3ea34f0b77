import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrames } from '../../src/inspect/frames.ts';

// Seen red with: `size < 126` in writeHeader made `size <= 126`; lengths counted in characters.
test('messages of every length, in one buffer, are received by a WebSocket as they were sent', async () => {
  const messages = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000].flatMap((size) => [
    'x'.repeat(size),
    'å'.repeat(size),
  ]);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => server.close());
  server.on('connection', (_, { socket }) => socket.write(textFrames(messages)));
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => client.terminate());
  const heard: string[] = [];
  client.on('message', (data) => heard.push(String(data)));
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(messages.length);
  expect(heard.map((text, at) => text === messages[at])).toEqual(messages.map(() => true));
});
