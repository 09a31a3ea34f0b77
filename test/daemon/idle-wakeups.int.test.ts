import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { flush } from '../../src/daemon/checkpoint-flush.ts';
import type { Daemon, NewEvent } from '../../src/index.ts';
import { untilApplied, untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { createRunner } from '../support/page.ts';
import { openScene, type Scene } from '../support/scene.ts';

const { projection: busy } = createLedger({ name: 'busy' });
/** Projections that no event of these tests concerns. */
const idle = Array.from({ length: 20 }, (_, index) => {
  const { projection } = createLedger({ name: `idle_${index}` });
  return { ...projection, handlers: new Map([...projection.handlers].map(([, handler]) => ['Rare', handler])) };
});

let scene: Scene;
let daemon: Daemon;
let next = 0;

beforeAll(async () => {
  scene = await openScene([busy, ...idle]);
  daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
});
afterAll(async () => await scene[Symbol.asyncDispose]());

function unhandled(count = 1): NewEvent[] {
  next += count;
  return noted('unhandled', next - count + 1, count, { name: 'Unheard' });
}

/** Which projections ran, and how often, while this was done and every projection came to the head. */
async function runsDuring(done: () => Promise<unknown>): Promise<Record<string, number>> {
  const runs: Record<string, number> = {};
  const stop = daemon.onTransition(({ name, to }) => {
    if (to.endsWith('.working')) runs[name] = (runs[name] ?? 0) + 1;
  });
  try {
    await done();
    await untilApplied(daemon, scene.sql);
    return runs;
  } finally {
    stop();
  }
}

// Seen red with: `handledBy.has(name)` taken for true, which wakes every projection with every poll.
test('a poll wakes the projections that handle what was appended, and no other', async () => {
  expect(await runsDuring(() => scene.append(...unhandled(3)))).toEqual({});
  expect(
    Object.keys(await runsDuring(() => scene.append(...unhandled(), ...noted('heard', 1, 1), ...unhandled()))),
  ).toEqual(['busy']);
  const rare = noted('rare', 1, 1, { name: 'Rare' });
  expect(Object.keys(await runsDuring(() => scene.append(...rare))).sort()).toEqual(
    idle.map(({ name }) => name).sort(),
  );
});

// Seen red with: `onPassed` never called (the wait lasts a second longer, until its look at the rows: cut here at 900 ms).
test('a wait for a projection that passes over an event is answered at once', async () => {
  await untilCaughtUp(daemon, scene.sql);
  const [{ last }] = await scene.sql<[{ last: bigint }]>`SELECT max(position) AS last FROM events`;
  const waits = daemon.waitFor('idle_3', last + 1n, { timeoutMs: 900 });
  await scene.append(...unhandled());
  expect(await waits).toEqual({ applied: true, lagEvents: 0 });
});

// Seen red with: moveIdle once for each; the UPDATE of readviews left out; last_event_id left as it was.
test('idle projections are moved in one statement, and readviews with them', async () => {
  await untilCaughtUp(daemon, scene.sql);
  const [appended] = await scene.append(...unhandled());
  await untilCaughtUp(daemon, scene.sql);
  const [row] = await scene.sql<[{ transactions: bigint; ids: string[]; behind: bigint }]>`
    SELECT count(DISTINCT s.xmin::text) AS transactions, array_agg(DISTINCT s.last_event_id) AS ids,
           count(*) FILTER (WHERE r.position <> (SELECT max(tstamp) FROM events)) AS behind
    FROM projection_state AS s JOIN readviews AS r USING (name) WHERE s.name LIKE 'idle%'`;
  expect(row).toEqual({ transactions: 1n, ids: [appended?.id], behind: 0n });
});

// Seen red with: `puller.forget()` left out of setPaused (the place shown moves on while it is paused).
test('a paused projection passes over nothing; resumed, it reaches the position of the others', async () => {
  await untilCaughtUp(daemon, scene.sql);
  const [paused, reset] = ['idle_1', 'idle_2'];
  await daemon.send(paused, 'PAUSE');
  const before = await untilStatus(daemon, paused, ({ substate }) => substate === 'idle.paused');
  await scene.append(...unhandled(2));
  await daemon.send(reset, 'RESET');
  await untilCaughtUp(
    daemon,
    scene.sql,
    daemon.names.filter((name) => name !== paused),
  );
  const during = await untilStatus(daemon, paused, () => true);
  expect([during.cursor, during.lagEvents]).toEqual([before.cursor, 2]);
  await daemon.send(paused, 'RESUME');
  await untilCaughtUp(daemon, scene.sql);
});

// Seen red with: the branch for `stay.cursor` left out of flush (the second daemon tries the same move each second).
test('a second daemon continues from the position to which the first one has moved an idle projection', async () => {
  const [projection] = idle;
  if (projection === undefined) throw new Error('no projection');
  await using own = await openScene([projection]);
  let head = 0n;
  const highWaterMark = {
    latest: () => head,
    refresh: async () => head,
    recent: () => null,
    idAt: () => null,
    passed: () => undefined,
    invalidate: () => undefined,
    epoch: () => 0,
  };
  const pullers = [createRunner(own.sql, projection, highWaterMark), createRunner(own.sql, projection, highWaterMark)];
  const { signal } = new AbortController();
  const [first] = await own.append(...noted('unhandled', 1, 1, { name: 'Unheard' }));
  head = first?.position ?? 0n;
  const flushed: number[] = [];
  for (const runner of pullers) expect(await runner.run('catch-up', signal)).toEqual({ kind: 'caught-up' });
  for (const runner of pullers) {
    const workers = new Map([[projection.name, { runner }]]);
    flushed.push(await flush(workers, { sql: own.sql, owner: 'test', onTakenBack: () => undefined, log: silentLog }));
  }
  expect(flushed).toEqual([1, 0]);
  expect(pullers.map(({ checkpoint }) => checkpoint.pendingFlush)).toEqual([null, null]);
});

// Guarded twice, since the events of the polls are dropped too. Seen red with: projections not woken when the events are unknown.
test('after a lost connection every projection reads its row again', async () => {
  const woken = new Set<string>();
  const stop = daemon.onTransition(({ name, to }) => {
    if (to.endsWith('.working')) woken.add(name);
  });
  const [{ ended }] = await scene.sql<[{ ended: bigint }]>`
    SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = ${`projectionist:head:${daemon.id}`}`;
  expect(ended).toBeGreaterThan(0n);
  await vi.waitFor(() => expect(woken.size).toBe(daemon.names.length), { timeout: 10_000 });
  stop();
});
