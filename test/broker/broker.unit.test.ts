import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openLink } from '../../src/broker/connection.ts';
import type { BrokerEvent } from '../../src/core/broker.ts';
import { systemClock } from '../../src/core/clock.ts';

/** Every wait is nearly as long as its ceiling. */
const UNLUCKY = { ...systemClock, random: () => 0.99 };

/** A server that accepts connections and calls `greet` with each. */
async function listen(greet: (socket: Socket) => void) {
  const at: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    at.push(performance.now());
    sockets.add(socket);
    socket.on('error', () => undefined);
    greet(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `amqp://127.0.0.1:${(server.address() as { port: number }).port}`, at };
}

// Seen red with: a constant reconnect time (gaps of 0.5 s); the library's own (5 s: fewer than four attempts).
test('the attempts at a broker that refuses every connection become less and less frequent', {
  timeout: 30_000,
}, async () => {
  const { url, at } = await listen((socket) => socket.destroy());
  const link = openLink({ urls: [url], name: 'test', clock: UNLUCKY });
  const events: BrokerEvent[] = [];
  link.events$.subscribe((event) => events.push(event));
  await vi.waitFor(() => expect(at.length).toBe(4), { timeout: 20_000, interval: 10 });
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  for (const [index, least] of [480, 860, 1650].entries()) expect(gaps[index]).toBeGreaterThan(least);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['FAILED']));
  await link.close();
});

// Seen red with: the library's `close` awaited without a bound; the retry after a failed attempt left at its delay.
test('closing takes no longer than its bound, while a connect hangs and while it waits for the next attempt', async () => {
  const silent = await listen(() => undefined);
  const hanging = openLink({ urls: [silent.url], name: 'test' });
  await vi.waitFor(() => expect(silent.at.length).toBe(1));
  const refusing = await listen((socket) => socket.destroy());
  const waiting = openLink({ urls: [refusing.url], name: 'test', clock: UNLUCKY });
  await vi.waitFor(() => expect(refusing.at.length).toBe(1));
  const began = performance.now();
  await Promise.all([hanging.close(), waiting.close(), waiting.close()]);
  expect(performance.now() - began).toBeLessThan(4000);
  expect(refusing.at.length).toBe(1);
});
