import { expect, test, vi } from 'vitest';
import { defineProjection } from '../../src/index.ts';
import type { Sql, Tx } from '../../src/postgres/pool.ts';
import { storeHalt } from '../../src/state/checkpoint-store.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { runnerByHand } from '../support/page.ts';
import { gate, openScene, type Scene } from '../support/scene.ts';

/** Locks the row of a projection in another session until `release`. */
async function holdRow(sql: Sql, name: string) {
  const [held, end] = [gate(), gate()];
  const holding = sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = ${name} FOR UPDATE`;
    held.open();
    await end.passed;
  });
  await held.passed;
  return {
    release: async () => {
      end.open();
      await holding;
    },
  };
}

const failures = (scene: Scene) => scene.sql`SELECT position, code, error, attempts FROM projection_failures`;

// Seen red with: a halt that does not wait for the row and is lost; noteStart without the locked rows.
test('the projection halts before an event that ended two processes although its row is locked, and the handler does not run', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const [deadly] = await scene.append(...noted('a', 1, 2));
  const position = deadly?.position ?? 0n;
  await scene.sql`
    INSERT INTO projection_attempts (name, position, event_id, event_name, running, deaths)
    VALUES ('ledger', ${position}, ${deadly?.id ?? ''}, 'Noted', true, 2)`;
  const row = await holdRow(scene.sql, 'ledger');
  const daemon = await scene.start();
  // The time limit has passed, so the daemon has stopped waiting for the row.
  await untilStatus(daemon, 'ledger', ({ detail }) => detail === 'another daemon works on it');
  await row.release();
  await untilStatus(daemon, 'ledger', ({ state }) => state === 'failed');
  expect(calls).toEqual([]);
  expect(await failures(scene)).toMatchObject([{ position, code: 'PROCESS_DIED', attempts: 1 }]);
  expect(await scene.row('ledger')).toMatchObject({ status: 'halted', cursor: 0n });
  // The halt is stored, so an operator may retry the event.
  expect(await daemon.send('ledger', 'RETRY')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2']);
});

/** Two processes have ended during a recorded attempt at this event. */
async function deadlyEvent(scene: Scene): Promise<bigint> {
  const [deadly] = await scene.append(...noted('a', 1, 2));
  await scene.sql`
    INSERT INTO projection_attempts (name, position, event_id, event_name, running, deaths)
    VALUES ('ledger', ${deadly?.position ?? 0n}, ${deadly?.id ?? ''}, 'Noted', true, 1)`;
  return deadly?.position ?? 0n;
}

// Seen red with: `!params.deadly` left out of haltedAtStart (the restart tries the event); `!start.halted` left out of the
// crash-loop guard (the RETRY halts again without having tried it); the starts of a halted projection counted.
test('after a restart with a new handler the first RETRY tries the event of a PROCESS_DIED halt, and no start counts as an attempt', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const position = await deadlyEvent(scene);
  const first = await scene.start();
  await untilStatus(first, 'ledger', ({ state }) => state === 'failed');
  await first.stop();
  const starts = () => scene.sql`SELECT starts FROM projection_state WHERE name = 'ledger'`;
  const before = await starts();
  const daemon = await scene.start();
  await untilStatus(daemon, 'ledger', ({ substate }) => substate === 'failed.halted');
  expect(await failures(scene)).toMatchObject([{ position, code: 'PROCESS_DIED', attempts: 1 }]);
  expect(await starts()).toEqual(before);
  expect(calls).toEqual([]);
  expect(await daemon.send('ledger', 'RETRY')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2']);
  expect(await scene.sql`SELECT FROM projection_attempts`).toEqual([]);
});

// Seen red with: projection_attempts kept by a reset (a later start halts at the event without a try).
test('a reset clears the recorded attempts at an event', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  await deadlyEvent(scene);
  const daemon = await scene.start();
  await untilStatus(daemon, 'ledger', ({ substate }) => substate === 'failed.halted');
  await daemon.send('ledger', 'PAUSE');
  await daemon.send('ledger', 'RESET');
  expect(await scene.sql`SELECT FROM projection_attempts`).toEqual([]);
  expect(calls).toEqual([]);
});

// Seen red with: the halt stored with NOWAIT; the pending halt not kept (`this.halts.close` left out).
test('a handler that ended the transaction while its row is locked does not run again before its halt is stored', async () => {
  const sessions: Tx[] = [];
  const held: Awaited<ReturnType<typeof holdRow>>[] = [];
  let runs = 0;
  const projection = defineProjection<{ readonly name: 'Noted'; readonly payload: { readonly text: string } }>()({
    name: 'ender',
    schema: 'CREATE TABLE IF NOT EXISTS ender (text text)',
    tables: { ender: { key: ['text'] } },
    on: {
      Noted: async (event, { tx }) => {
        runs += 1;
        await tx`INSERT INTO ender (text) VALUES (${event.payload.text})`;
        await sessions.at(-1)?.unsafe('COMMIT');
        held.push(await holdRow(scene.sql, 'ender'));
        await sessions.at(-1)?.unsafe('BEGIN');
      },
    },
  });
  await using scene = await openScene([projection]);
  const [event] = await scene.append(...noted('a', 1, 1));
  const begin = (options: string, work: (tx: Tx) => Promise<unknown>) =>
    scene.sql.begin(options, async (tx) => {
      sessions.push(tx);
      return await work(tx);
    });
  const sql = new Proxy(scene.sql, {
    get: (target, key) => (key === 'begin' && sessions.length === 0 ? begin : Reflect.get(target, key)),
  });
  const { run, headIs } = runnerByHand(sql, projection);
  headIs(event?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'locked-by-other' });
  await held[0]?.release();
  expect(await run()).toMatchObject({ kind: 'failed', halted: true, event: { position: event?.position } });
  expect(runs).toBe(1);
  expect(await scene.row('ender')).toMatchObject({
    status: 'halted',
    cursor: 0n,
    alarm: expect.stringContaining("ended the page's transaction itself"),
  });
});

// Seen red with: the rejection passed on (the projection is not halted); the pending halt not stored before a page.
test('a halt for an uncaught error of a handler survives a lost connection, and no event is applied before it is stored', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const [event] = await scene.append(...noted('a', 1, 1));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const row = await holdRow(scene.sql, 'ledger');
  const origin = { projection: 'ledger', event: { position: event?.position, id: event?.id, name: 'Noted' } as never };
  const halting = daemon.halt(origin, new Error('left behind'));
  await vi.waitFor(
    async () => {
      const ended = await scene.sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%'`;
      expect(ended).toHaveLength(1);
    },
    { timeout: 20_000, interval: 10 },
  );
  await halting;
  await scene.append(...noted('a', 2, 1));
  await row.release();
  await untilStatus(daemon, 'ledger', ({ state }) => state === 'failed');
  expect(await failures(scene)).toMatchObject([{ position: event?.position, error: 'left behind' }]);
  expect(calls).toEqual([event?.position]);
});

// Seen red with: the status taken from the failure alone; the generation not compared.
test('a paused row stays paused with its halt, and a reset in between makes a pending halt void', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const [event] = await scene.append(...noted('a', 1, 1));
  const failure = {
    position: event?.position ?? 0n,
    eventId: event?.id ?? '',
    eventName: 'Noted',
    error: 'no',
    sqlstate: null,
    aggregateName: 'test.Stream',
    aggregateId: 'a',
    sequenceNo: 1n,
    occurredAt: '2026-01-01T00:00:00.000000Z',
    code: null,
    statement: null,
  };
  const { generation } = await scene.row('ledger');
  const before = await scene.row('ledger');
  const halt = { failure, alarm: 'something', at: { cursor: null, generation: generation + 1n } };
  expect(await storeHalt(scene.sql, 'ledger', halt)).toEqual({ kind: 'moved' });
  expect(await storeHalt(scene.sql, 'ledger', { ...halt, at: { cursor: 7n, generation } })).toEqual({ kind: 'moved' });
  expect(await scene.row('ledger')).toEqual(before);
  await scene.sql`UPDATE projection_state SET status = 'paused' WHERE name = 'ledger'`;
  expect(await storeHalt(scene.sql, 'ledger', { ...halt, at: null })).toMatchObject({ before: 'paused' });
  expect(await scene.sql`SELECT status, resume_to, alarm FROM projection_state WHERE name = 'ledger'`).toEqual([
    { status: 'paused', resume_to: 'halted', alarm: 'something' },
  ]);
});
