import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startProxy, type TestProxy } from './proxy.ts';

/** An echo server, its proxy, and one client of the proxy. */
let stop: () => void;
let proxy: TestProxy;
let client: Socket;
let served: Socket[];

beforeEach(async () => {
  served = [];
  const server = createServer((socket) => {
    served.push(socket.on('error', () => undefined));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  proxy = await startProxy({ host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
  client = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  await echo('first');
  stop = () => {
    client.destroy();
    for (const socket of served) socket.destroy();
    server.close();
  };
});
afterEach(async () => {
  stop();
  await proxy[Symbol.asyncDispose]();
});

/** The pieces in which the echo of a text arrives. */
async function echo(text: string): Promise<readonly string[]> {
  const pieces: string[] = [];
  const whole = new Promise<void>((resolve) => {
    client.on('data', function collect(bytes: Buffer) {
      pieces.push(bytes.toString());
      if (pieces.join('').length < text.length) return;
      client.off('data', collect);
      resolve();
    });
  });
  // The proxy reads the first bytes as the length of a start-up message.
  client.write(text);
  await whole;
  return pieces;
}

test('by default bytes are forwarded unsplit, and the end of one side ends the other', async () => {
  expect(await echo('hello')).toEqual(['hello']);
  expect(proxy.open()).toBe(1);
  client.end();
  await vi.waitFor(() => expect([served[0]?.closed, proxy.open()]).toEqual([true, 0]));
  expect(proxy.arrivals).toHaveLength(1);
});

test('a delay applies in both directions, and later bytes do not overtake earlier ones', async () => {
  proxy.weather({ delayMs: 20 });
  const began = performance.now();
  const early = echo('early');
  await vi.waitFor(() => expect(client.bytesWritten).toBe('firstearly'.length));
  client.write('later');
  expect((await early).join('').slice(0, 5)).toBe('early');
  expect(performance.now() - began).toBeGreaterThanOrEqual(38);
});

test('sliced bytes arrive in many pieces and in order', async () => {
  proxy.weather({ sliceBytes: 1 });
  const pieces = await echo('0123456789'.repeat(5));
  expect(pieces.join('')).toBe('0123456789'.repeat(5));
  expect(pieces.length).toBeGreaterThan(5);
});

test('a limit of bytes per second delays the transfer', async () => {
  proxy.weather({ sliceBytes: 100, bytesPerSecond: 50_000 });
  const began = performance.now();
  await echo('x'.repeat(5000));
  expect(performance.now() - began).toBeGreaterThanOrEqual(90);
});

test.each(['fin', 'rst'] as const)('a cut (%s) ends both sides', async (how) => {
  proxy.cut(how);
  await vi.waitFor(() => expect([client.closed, served[0]?.closed, proxy.open()]).toEqual([true, true, 0]));
  expect(client.errored === null).toBe(how === 'fin');
});

test('a cut after a number of bytes forwards no more than those', async () => {
  let received = 0;
  client.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  const cut = proxy.cutAfter(2000);
  client.write('x'.repeat(5000));
  await cut;
  await vi.waitFor(() => expect(client.closed).toBe(true));
  expect(received).toBeLessThanOrEqual(2000);
});

test('silence: no byte and no close is forwarded, and new connections work', async () => {
  proxy.silence();
  const received: string[] = [];
  served[0]?.on('data', (bytes: Buffer) => received.push(bytes.toString()));
  served[0]?.on('end', () => received.push('end'));
  client.end('lost');
  client = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  expect((await echo('again')).join('')).toBe('again');
  expect(received).toEqual([]);
  expect(served[0]?.destroyed).toBe(false);
});

test('deaf: a new connection is accepted and gets no reply', async () => {
  proxy.deafen(true);
  const deafClient = connect(proxy.port, '127.0.0.1');
  await once(deafClient, 'connect');
  deafClient.write('hello');
  expect(await echo('the old one')).toEqual(['the old one']);
  expect(deafClient.bytesRead).toBe(0);
  deafClient.destroy();
});
