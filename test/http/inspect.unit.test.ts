import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import { type ConnectionLimits, openConnections } from '../../src/inspect/connections.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { inspectedDaemon, startUnserializable } from '../inspect/hub-rig.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { handshake } from './handshake.ts';

const TOKEN = 'correct/horse=battery';
const OFFERED = ['projectionist', `projectionist.token.${encodeURIComponent(TOKEN)}`];

async function open(options: Partial<ControlApiOptions> & { hub?: Hub; limits?: Partial<ConnectionLimits> } = {}) {
  const { hub = new Hub(), limits, ...rest } = options;
  const lines: string[] = [];
  const note = (fields: unknown, message?: unknown) => void lines.push(JSON.stringify([fields, message]));
  const server = await createControlApi({
    daemon: new FakeDaemon(),
    token: TOKEN,
    host: '127.0.0.1',
    port: 0,
    version: '1',
    log: { info: note, warn: note, error: note } as ControlApiOptions['log'],
    inspectors: openConnections(hub, limits),
    ...rest,
  }).listen();
  onTestFinished(() => server.close(0));
  return { server, hub, lines, origin: server.url, url: `ws://127.0.0.1:${server.port}/inspect` };
}

// Seen red with: the look at `origin` left out; `timingSafeEqual` replaced by true; `?token=` taken from anywhere.
test('only who has the token may read along, and no page of another origin', async () => {
  const { url, origin, lines } = await open();
  expect(await handshake(url, [])).toBe('401 TOKEN_NEEDED');
  expect(await handshake(url, ['projectionist'])).toBe('401 TOKEN_NEEDED');
  expect(await handshake(url, ['projectionist', 'projectionist.token.wrong'])).toBe('401 TOKEN_WRONG');
  expect(await handshake(url, ['projectionist', 'projectionist.token.%'])).toBe('401 TOKEN_WRONG');
  expect(await handshake(`${url}?token=wrong`, [])).toBe('401 TOKEN_WRONG');
  expect(await handshake(url, OFFERED, { origin: 'https://evil.test' })).toBe('403 ORIGIN_REFUSED');
  expect(await handshake(url, OFFERED, { origin: 'null' })).toBe('403 ORIGIN_REFUSED');
  expect(await handshake(url, OFFERED, { headers: { host: 'evil.test' } })).toBe('421 HOST_REFUSED');
  expect(await handshake(`${url}/other`, OFFERED)).toBe('404 NOT_FOUND');
  expect(await handshake(url, OFFERED)).toBe('101 projectionist');
  expect(await handshake(url, OFFERED, { origin })).toBe('101 projectionist');
  expect(await handshake(`${url}?token=${encodeURIComponent(TOKEN)}`, [])).toBe('101');
  expect(await handshake(url, [], { headers: { authorization: `Bearer ${TOKEN}` } })).toBe('101');
  expect(lines.join('\n')).not.toContain('horse');
  expect(lines.join('\n')).not.toContain('wrong');
});

test('a token in the address is taken on loopback only, and not under a name that a proxy may have passed on', async () => {
  const { server } = await open({ host: '0.0.0.0', allowedHosts: ['read.example'] });
  const url = `ws://127.0.0.1:${server.port}/inspect?token=${encodeURIComponent(TOKEN)}`;
  expect(await handshake(url, [])).toBe('101');
  expect(await handshake(url, [], { headers: { host: 'read.example' } })).toBe('401 TOKEN_NEEDED');
  expect(await handshake(url, OFFERED, { headers: { host: 'read.example' } })).toBe('101 projectionist');
});

test('a request that is no WebSocket is told so; without an inspector there is no such path', async () => {
  const { server } = await open();
  expect((await fetch(`${server.url}/inspect`)).status).toBe(426);
  const bare = createControlApi({
    daemon: new FakeDaemon(),
    token: TOKEN,
    host: '127.0.0.1',
    port: 0,
    version: '1',
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const without = await bare.listen();
  onTestFinished(() => without.close(0));
  expect(await handshake(`ws://127.0.0.1:${without.port}/inspect`, OFFERED)).toBe('404 NOT_FOUND');
});

// Seen red with: `accept` that counts nobody.
test('so many at once, and one more when one has gone', async () => {
  const { url, hub } = await open({ limits: { clients: 2 } });
  const [first] = [await connected(url), await connected(url)];
  expect(await handshake(url, OFFERED)).toBe('503 INSPECTORS_FULL');
  expect(hub.size.subscribers).toBe(2);
  first?.close();
  await expect.poll(() => hub.size.subscribers, { timeout: 20_000, interval: 5 }).toBe(1);
  expect(await handshake(url, OFFERED)).toBe('101 projectionist');
}, 30_000);

test('a client that talks is sent away', async () => {
  const { url } = await open();
  const client = await connected(url);
  client.send('{"type":"RESET"}');
  const [code] = await once(client, 'close');
  expect(code).toBe(1008);
});

// Seen red with: `terminate` of the pings left out.
test('a client that has gone silent is given up', async () => {
  const { url, hub } = await open({ limits: { pingEveryMs: 100 } });
  const client = new WebSocket(url, OFFERED, { autoPong: false });
  client.on('error', () => undefined);
  const alive = await connected(url);
  await once(client, 'close');
  await expect.poll(() => hub.size.subscribers, { timeout: 5000, interval: 5 }).toBe(1);
  expect(alive.readyState).toBe(WebSocket.OPEN);
});

// Seen red with: `inspectors.close()` left out: `close` of the server never resolved.
test('closing the server says goodbye and leaves no connection', async () => {
  const { url, server, hub } = await open();
  const client = await connected(url);
  const goodbye = once(client, 'close');
  const deaf = connect(server.port, '127.0.0.1');
  deaf.on('error', () => undefined);
  deaf.write(
    `GET /inspect?token=${encodeURIComponent(TOKEN)} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n',
  );
  await once(deaf, 'data');
  await server.close(60_000);
  expect((await goodbye)[0]).toBe(1001);
  await expect.poll(() => hub.size.subscribers, { timeout: 5000, interval: 5 }).toBe(0);
});

test('odd handshakes end in an answer, never in an exception', async () => {
  const { server } = await open();
  for (const path of ['//[', '/inspect?%', '/inspect?token=%ff', '*', '/inspect#a']) {
    const outgoing = request({
      port: server.port,
      host: '127.0.0.1',
      path,
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(response.statusCode, path).toBeGreaterThanOrEqual(400);
    response.resume();
  }
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

test('over a real socket a newcomer gets what a reader gets, in order', async () => {
  const daemon = inspectedDaemon(Array.from({ length: 200 }, (_, index) => `p${index}`));
  const { url } = await open({ hub: daemon.hub });
  const client = new WebSocket(url, OFFERED);
  const texts: string[] = [];
  await new Promise<void>((resolve) => {
    client.on('message', (data) => {
      texts.push(String(data));
      if (texts.length === 802) resolve();
    });
  });
  client.terminate();
  expect(texts).toEqual(daemon.join().reader.texts);
});

// Seen red with: nothing more in wait for each actor.
test('a reader that is there before a thousand projections begin is told of every one of them', async () => {
  const hub = new Hub();
  const { url } = await open({ hub });
  const client = await connected(url);
  let told = 0;
  const all = new Promise<void>((resolve) => {
    client.on('message', (data) => {
      if (String(data).startsWith('{"type":"@xstate.actor"')) told += 1;
      // The daemon, the projections, and the operation of each.
      if (told === 2001) resolve();
    });
  });
  const names = Array.from({ length: 1000 }, (_, index) => `p${index}`);
  const daemon = inspectedDaemon(names, { hub });
  onTestFinished(() => daemon.stop());
  await Promise.race([all, once(client, 'close')]);
  expect(told).toBe(2001);
  expect(hub.size.subscribers).toBe(1);
}, 30_000);

// Seen red with: `taken` not called for no message at all.
test('actors that cannot be shown keep nobody from being told of the others', async () => {
  const hub = new Hub();
  for (let index = 0; index < 20; index += 1) startUnserializable(hub, `odd${index}`);
  const daemon = inspectedDaemon(['band'], { hub });
  onTestFinished(() => daemon.stop());
  const { url } = await open({ hub });
  const client = new WebSocket(url, OFFERED);
  onTestFinished(() => client.terminate());
  const [first] = await once(client, 'message');
  expect(JSON.parse(String(first))).toMatchObject({ type: '@xstate.actor', name: 'daemon' });
});

async function connected(url: string): Promise<WebSocket> {
  const client = new WebSocket(url, OFFERED);
  client.on('error', () => undefined);
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  return client;
}
