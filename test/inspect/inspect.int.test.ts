import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createActor, createMachine } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { daemonMachine } from '../../machines/daemon.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { createControlApi } from '../../src/http/control-api.ts';
import type { Listening } from '../../src/http/listen.ts';
import type { Daemon } from '../../src/index.ts';
import { defineProjection, upsert } from '../../src/index.ts';
import { openConnections } from '../../src/inspect/connections.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { openStatelyInspector } from '../../src/inspect/stately.ts';
import { openChromium } from '../support/chromium.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { type Frame, statesOf } from './reading.ts';

const TOKEN = 't0ken';
const CANARY = 'Geheim 4711';
type Noted = { name: 'Noted'; payload: { text: string; day: string } };

/** Its column accepts dates only, so that the error of PostgreSQL repeats a value that is none. */
const projection = (name: string) =>
  defineProjection<Noted>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (id text PRIMARY KEY, day date, text text)`,
    tables: { [name]: { key: ['id'] } },
    on: {
      Noted: ({ aggregateId: id, payload: { day, text } }) => upsert(name, { id, day, text }, { conflict: ['id'] }),
    },
  });

const browser: Browser | null = await openChromium();
const hub = new Hub();
let scene: Scene;
let daemon: Daemon;
let server: Listening;
let url: string;
const refused: object[] = [];

beforeAll(async () => {
  scene = await openScene([projection('band'), projection('event')]);
  await note('a', '2026-03-01');
  daemon = await scene.start({ inspect: hub.observe, retries: 0 });
  const log = { info: () => undefined, warn: (fields: object) => void refused.push(fields), error: () => undefined };
  const api = { daemon, token: TOKEN, host: '127.0.0.1', port: 0, version: '1', log };
  server = await createControlApi({ ...api, inspectors: openConnections(hub) }).listen();
  url = `ws://127.0.0.1:${server.port}/inspect?token=${TOKEN}`;
  await untilCaughtUp(daemon, scene.sql);
});
afterAll(async () => {
  await browser?.close();
  await server.close(0);
  await scene[Symbol.asyncDispose]();
});

let sequenceNo = 0;
function note(aggregateId: string, day: string) {
  sequenceNo += 1;
  return scene.append({
    aggregateName: 'Note',
    aggregateId,
    sequenceNo,
    name: 'Noted',
    payload: { text: CANARY, day },
  });
}

/** The states of a projection as the daemon itself reports them while `work` runs. */
async function statesDuring(name: string, work: () => Promise<unknown>): Promise<readonly string[]> {
  const states: string[] = [];
  const unsubscribe = daemon.onTransition((change) => {
    if (change.name === name) states.push(change.to);
  });
  await work();
  unsubscribe();
  return states;
}

/** A late client has every live actor with its definition and its state. */
function expectIntroduced(frames: readonly Frame[]): void {
  const actors = frames.filter((frame) => frame.type === '@xstate.actor');
  expect(actors.map(({ name }) => name)).toEqual(['daemon', 'projection.band', 'projection.event']);
  const charts = actors.map(({ definition }) => Object.keys(createMachine(JSON.parse(String(definition))).states));
  const chart = Object.keys(projectionMachine.states);
  expect(charts).toEqual([Object.keys(daemonMachine.states), chart, chart]);
  expect(statesOf(frames, 'daemon')).toEqual(['running']);
  for (const name of ['projection.band', 'projection.event']) expect(statesOf(frames, name)).toEqual(['live.waiting']);
}

async function resetUntilLive(name: string): Promise<void> {
  expect(await daemon.send(name, 'RESET')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(daemon, scene.sql, [name]);
}

// Seen red with: live actors not sent to new clients; an empty definition.
test("the package's own receiver, in another process and late, gets every live actor and every transition of a RESET", async () => {
  const receiver = startReceiver(url);
  try {
    await vi.waitFor(() => expect(statesOf(receiver.frames, 'projection.event')).toEqual(['live.waiting']), 20_000);
    expectIntroduced(receiver.frames);
    const states = await statesDuring('band', () => resetUntilLive('band'));
    expect(states).toContain('resetting');
    await vi.waitFor(
      () => expect(statesOf(receiver.frames, 'projection.band')).toEqual(['live.waiting', ...states]),
      10_000,
    );
  } finally {
    receiver.child.kill();
    await once(receiver.child, 'exit');
  }
});

describe.skipIf(browser === null)('a page in a real browser', () => {
  test('of the same origin gets the same, one of another origin nothing', async () => {
    // The daemon's own pages may not connect; this page stands for one that may connect to its origin.
    const context = await browser?.newContext({ bypassCSP: true });
    const page = await context?.newPage();
    if (context === undefined || page === undefined) return;
    const elsewhere = createServer((_, response) => void response.end('elsewhere')).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    const listen = (address: string) => {
      const frames: unknown[] = [];
      Reflect.set(globalThis, 'frames', frames);
      const socket = new globalThis.WebSocket(address, ['projectionist', 'projectionist.token.t0ken']);
      socket.onmessage = ({ data }) => void frames.push(JSON.parse(String(data)));
      return new Promise<string>((resolve) => {
        socket.onopen = () => resolve(`open ${socket.protocol}`);
        socket.onerror = () => resolve('refused');
      });
    };
    const address = `ws://127.0.0.1:${server.port}/inspect`;
    await page.goto(`http://127.0.0.1:${port}`);
    expect(await page.evaluate(listen, address)).toBe('refused');
    expect(refused).toMatchObject([{ code: 'ORIGIN_REFUSED', path: '/inspect' }]);
    await page.goto(`${server.url}/healthz`);
    expect(await page.evaluate(listen, address)).toBe('open projectionist');
    const seen = async () => (await page.evaluate('frames')) as Frame[];
    await vi.waitFor(async () => expect(statesOf(await seen(), 'projection.event')).toEqual(['live.waiting']), 10_000);
    expectIntroduced(await seen());
    const states = await statesDuring('band', () => resetUntilLive('band'));
    await vi.waitFor(
      async () => expect(statesOf(await seen(), 'projection.band')).toEqual(['live.waiting', ...states]),
      10_000,
    );
    await context.close();
    elsewhere.close();
  });
});

// Seen red with: `waiting` not checked in Subscribers: the client stayed, and its frames in memory.
test('a client that does not read is dropped; another client and the daemon are not affected', async () => {
  const deaf = connect(server.port, '127.0.0.1');
  deaf.on('error', () => undefined);
  deaf.write(
    `GET /inspect?token=${TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n',
  );
  await once(deaf, 'data');
  deaf.pause();
  const reader = new WebSocket(url);
  const texts: string[] = [];
  reader.on('message', (data) => texts.push(String(data)));
  await once(reader, 'open');
  await vi.waitFor(() => expect(hub.size.subscribers).toBe(2), 5000);
  const busy = createActor(brokerMachine, { inspect: hub.observe, input: { connectWithinMs: 60_000 } }).start();
  for (let turn = 0; turn < 1000 && hub.size.subscribers === 2; turn += 1) {
    for (let index = 0; index < 200; index += 1) busy.send({ type: index % 2 === 0 ? 'READY' : 'LOST', reason: '' });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(hub.size.subscribers).toBe(1);
  busy.stop();
  await resetUntilLive('band');
  await vi.waitFor(() => expect(texts.some((text) => text.includes('"value":"resetting"'))).toBe(true), 10_000);
  expect(reader.readyState).toBe(WebSocket.OPEN);
  reader.terminate();
  deaf.destroy();
});

// Seen red with: `message` and `detail` sent by default.
test('nothing of a payload is sent, not even in the error of an event that cannot be applied', async () => {
  const reader = new WebSocket(url);
  const texts: string[] = [];
  reader.on('message', (data) => texts.push(String(data)));
  await once(reader, 'open');
  await note('b', CANARY);
  const { failure } = await untilStatus(daemon, 'event', ({ state }) => state === 'failed');
  expect(failure?.error).toContain(CANARY);
  const frames = () => texts.map((text) => JSON.parse(text) as Frame);
  await vi.waitFor(() => expect(statesOf(frames(), 'projection.event').at(-1)).toBe('failed.halted'), 10_000);
  expect(texts.join('')).not.toContain(CANARY);
  expect(texts.join('')).toContain('"sqlstate":"22007"');
  expect(texts.join('')).toContain('"eventName":"Noted"');
  reader.terminate();
});

function startReceiver(server: string): { readonly child: ChildProcess; readonly frames: Frame[] } {
  const child = spawn(process.execPath, [new URL('./receiver.mjs', import.meta.url).pathname, server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const frames: Frame[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => frames.push(JSON.parse(line) as Frame));
  return { child, frames };
}

// Seen red with: `serialize` of Stately's inspector left out.
test("Stately's own inspector sends the same to its server, and nothing of a payload either", async () => {
  const relay = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const texts: string[] = [];
  relay.on('connection', (socket) => socket.on('message', (data) => texts.push(String(data))));
  await once(relay, 'listening');
  const stock = await openStatelyInspector(`ws://127.0.0.1:${(relay.address() as AddressInfo).port}`);
  await using other = await openScene([projection('third')]);
  await other.append({
    aggregateName: 'Note',
    aggregateId: 'a',
    sequenceNo: 1,
    name: 'Noted',
    payload: { text: CANARY, day: CANARY },
  });
  const watched = await other.start({ inspect: stock.observe, retries: 0 });
  await untilStatus(watched, 'third', ({ state }) => state === 'failed');
  const states = () =>
    statesOf(
      texts.map((text) => JSON.parse(text) as Frame),
      'projection.third',
    );
  await vi.waitFor(() => expect(states().at(-1)).toBe('failed.halted'), 10_000);
  expect(states()).toContain('catching-up.working');
  expect(texts.join('')).not.toContain(CANARY);
  stock.stop();
  relay.close();
});
