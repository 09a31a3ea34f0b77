import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { defineProjection, type EventShape } from '../../src/index.ts';
import { promised } from '../support/promised.ts';
import { openScene, type Scene } from '../support/scene.ts';

const PROJECTIONS = 30;
/** Handlers wait until the test opens the gate. */
const gate = promised<void>();

const slow = Array.from({ length: PROJECTIONS }, (_, index) => {
  const name = `slow_${index}`;
  return defineProjection<EventShape>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY)`,
    tables: { [name]: { key: ['position'] } },
    on: { Noted: async () => await gate.promise },
  });
});

let scene: Scene;
beforeAll(async () => {
  scene = await openScene(slow);
});
afterAll(async () => {
  gate.resolve(undefined);
  await scene[Symbol.asyncDispose]();
});

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const began = performance.now();
  const result = await work();
  return [result, performance.now() - began];
}

// Seen red with: status, commands and pauses on the pages' pool (they then wait for the gate), with `turns` left out
// of the settings (PAUSE of a waiting projection then waits, and it counts as stalled).
test('while slow handlers keep every connection for pages, status and PAUSE answer, and waiting is no stall', async () => {
  const daemon = await scene.start({ timeouts: { stallMs: 400 } });
  await scene.append({ aggregateName: 'domain.Test', aggregateId: 'a', sequenceNo: 1, name: 'Noted', payload: {} });
  const isWaiting = (detail: string | null) => detail?.startsWith('waiting for a turn to apply a page') === true;
  const waiting = await vi.waitFor(
    async () => {
      const found = (await daemon.status()).filter(({ detail }) => isWaiting(detail)).map(({ name }) => name);
      expect(found).toHaveLength(PROJECTIONS - 12);
      return found;
    },
    { timeout: 20_000, interval: 50 },
  );
  const stalled = daemon.health().stalled.map(({ name }) => name);
  expect(stalled.filter((name) => waiting.includes(name))).toEqual([]);
  const metrics = (await daemon.metrics()).projections.filter(({ turnSeconds }) => turnSeconds >= 1);
  expect(metrics.map(({ status }) => status.name).sort()).toEqual([...waiting].sort());

  // A page in flight: the command is stored at once, and carried out when the page has ended. More of them than operator connections.
  const inFlight = slow.map(({ name }) => name).filter((name) => !waiting.includes(name));
  for (const name of inFlight) {
    const [, ms] = await timed(() => daemon.submit({ name, event: 'PAUSE', by: 'test' }));
    expect(ms).toBeLessThan(1000);
  }
  for (const name of waiting.slice(0, 3)) {
    const [outcome, ms] = await timed(() => daemon.send(name, 'PAUSE'));
    expect(outcome).toEqual({ kind: 'done', state: 'idle' });
    expect(ms).toBeLessThan(1000);
    const answers = await Promise.all([
      timed(() => daemon.status()),
      timed(() => daemon.metrics()),
      timed(() => daemon.transitions(name)),
      timed(() => daemon.commands({ name })),
      timed(() => daemon.failures(name)),
    ]);
    for (const [, took] of answers) expect(took).toBeLessThan(1000);
  }
  gate.resolve(undefined);
  await vi.waitFor(
    async () => {
      const paused = (await daemon.status()).filter(({ detail }) => detail === 'paused by an operator');
      expect(paused).toHaveLength(inFlight.length + 3);
    },
    { timeout: 20_000, interval: 50 },
  );
});
