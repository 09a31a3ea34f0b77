import { expect, test, vi } from 'vitest';
import { createControlApi } from '../../src/http/control-api.ts';
import { create, defineProjection, type EventShape } from '../../src/index.ts';
import { untilStatus } from '../support/engine.ts';
import { gate, openScene } from '../support/scene.ts';

const hung = gate();

function projection(name: string, on: Parameters<ReturnType<typeof defineProjection<EventShape>>>[0]['on']) {
  return defineProjection<EventShape>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY)`,
    tables: { [name]: { key: ['position'] } },
    on,
  });
}
const quiet = projection('quiet', { Never: ({ position }) => create('quiet', { position }) });
const paused = projection('paused', { Never: ({ position }) => create('paused', { position }) });
const halted = projection('halted', {
  Bad: () => {
    throw new Error('never');
  },
});
const hanging = projection('hanging', { Hang: async () => await hung.passed });

// Seen red with: stalled ones left out of `ok`; `rests` that does nothing.
test('a run past its deadline turns /healthz to 503 and is named; idle, halted and paused projections are not', async () => {
  await using scene = await openScene([quiet, paused, halted, hanging]);
  const timeouts = { stallMs: 300, nextStatementMs: 60_000 };
  // Its own deadlines would end the handler that hangs: then nothing would be wrong with the process.
  const daemon = await scene.start({ retries: 0, eventTimeoutMs: 120_000, pageTimeoutMs: 120_000, timeouts });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const server = await createControlApi({ daemon, token: 't', host: '127.0.0.1', port: 0, version: '1', log }).listen();
  const healthz = async () => {
    const answer = await fetch(new URL('/healthz', server.url));
    return { status: answer.status, json: (await answer.json()) as object };
  };
  const event = (name: string, sequenceNo: number) => {
    return { aggregateName: 'domain.Test', aggregateId: 'one', sequenceNo, name, payload: {} };
  };
  try {
    await untilStatus(daemon, 'paused', ({ state }) => state === 'live');
    await daemon.send('paused', 'PAUSE');
    await scene.append(event('Bad', 1));
    await untilStatus(daemon, 'halted', ({ failure }) => failure !== null);
    expect(await healthz()).toEqual({ status: 200, json: { status: 'ok' } });
    await scene.append(event('Hang', 2));
    await vi.waitFor(async () => expect((await healthz()).status).toBe(503), { timeout: 30_000, interval: 20 });
    // The others have stood still for longer.
    expect((await healthz()).json).toEqual({
      status: 'unavailable',
      stalled: [{ name: 'hanging', seconds: expect.any(Number) }],
    });
    expect((await fetch(new URL('/readyz', server.url))).status).toBe(200);
    hung.open();
    await vi.waitFor(async () => expect(await healthz()).toMatchObject({ status: 200 }), {
      timeout: 30_000,
      interval: 20,
    });
    await untilStatus(daemon, 'hanging', ({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  } finally {
    hung.open();
    await server.close(0);
  }
});
