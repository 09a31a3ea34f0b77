import { expect, test, vi } from 'vitest';
import { band } from '../../examples/dancefinder/projections/band.ts';
import type { FailpointHook } from '../../src/projector/failpoint.ts';
import { dance, uuid } from '../support/dances.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { endSessions, gate, never, openScene } from '../support/scene.ts';

// Seen red with: every wakeup opening a page (projection-operations.ts running in mode 'attempt').
test('8: an event that is announced repeatedly is applied once, and later wakeups write nothing', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const points: string[] = [];
  const daemon = await scene.start({ requeueEveryMs: 20, failpoint: (point) => void points.push(point) });
  await scene.append(...noted('a', 1, 1));
  await untilCaughtUp(daemon, scene.sql);
  const [before, pointsBefore] = [await scene.row('ledger'), points.length];
  calls.length = 0;

  let wakeups = 0;
  daemon.onTransition(({ to }) => {
    if (to === 'live.working') wakeups += 1;
  });
  for (let push = 0; push < 200; push += 1) await scene.sql`SELECT pg_notify('projectionist:public', '')`;
  await vi.waitFor(() => expect(wakeups).toBeGreaterThanOrEqual(5), { timeout: 10_000, interval: 10 });
  expect(await scene.row('ledger')).toEqual(before);
  expect(points.length).toBe(pointsBefore);
  expect(calls).toEqual([]);
  expect(await readLedger(scene.sql)).toEqual(['a1']);
});

// Seen red with: create in place of upsert in band.ts.
test('8: an event delivered twice is stored once; its content under another position changes nothing', async () => {
  await using scene = await openScene([band]);
  const daemon = await scene.start();
  const event = dance(
    'BandCreated',
    uuid(1),
    { name: 'Kellys' },
    { id: uuid(1000), occurredAt: '2026-01-01T00:00:00Z' },
  );
  await scene.append(event);
  await expect(scene.append(event)).rejects.toMatchObject({ code: 'APPEND_DUPLICATE' });
  await scene.append({ ...event, id: uuid(1001), sequenceNo: Number(event.sequenceNo) + 1000 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await scene.sql`SELECT * FROM band`).toEqual([
    { id: uuid(1), name: 'Kellys', created: '2026-01-01 00:00:00+00' },
  ]);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

// Seen red with: readviews written over another connection than the rows.
test.each(['rows-written', 'cursor-moved'] as const)(
  '16: when the process dies before the commit (%s), neither rows nor position persist',
  async (where) => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const [died, locked, goOn] = [gate(), gate(), gate()];
    let dead = false;
    const failpoint: FailpointHook = async (point) => {
      if (dead) {
        // Only one transaction can lock the row, so the transaction before has ended.
        locked.open();
        await goOn.passed;
      } else if (point === where) {
        dead = true;
        died.open();
        await never();
      }
    };
    await scene.append(...noted('a', 1, 3));
    const daemon = await scene.start({ failpoint });
    await died.passed;
    const before = await scene.row('ledger');
    expect(before.cursor).toBe(0n);
    await endSessions(scene.sql, daemon);
    await locked.passed;
    expect(await readLedger(scene.sql)).toEqual([]);
    expect(await scene.row('ledger')).toEqual(before);
    expect(await scene.sql`SELECT position FROM readviews`).toEqual([{ position: 0n }]);
    goOn.open();
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
  },
);

// Seen red with: `#open` that takes 0n for the stored cursor.
test('17: after a restart the projection continues after its position, and applies no event again', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 5));
  const first = await scene.start();
  await untilCaughtUp(first, scene.sql);
  await first.stop();
  calls.length = 0;

  const added = await scene.append(...noted('a', 6, 2));
  const second = await scene.start();
  await untilCaughtUp(second, scene.sql);
  expect([...new Set(calls)]).toEqual(added.map(({ position }) => position));
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7']);
});

// Seen red with: readPage choosing by `tstamp >` the last event's in place of its position.
test('18: of events with equal tstamp and a crash between them each is applied exactly once', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3, { occurredAt: '2026-01-01T00:00:00Z' }));
  const halfway = gate();
  let [committed, dead] = [false, false];
  const failpoint: FailpointHook = async (point) => {
    if (dead) throw new Error('the process is gone');
    if (point === 'committed') committed = true;
    if (!committed || point !== 'locked') return;
    dead = true;
    halfway.open();
    await never();
  };
  const first = await scene.start({ bulkLimit: 1, failpoint });
  await halfway.passed;
  await endSessions(scene.sql, first);
  await first.stop();
  expect(await readLedger(scene.sql)).toEqual(['a1']);

  const second = await scene.start();
  await untilCaughtUp(second, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
});

// Seen red with: the announcements left out of the high-water mark (the second event was applied first, the first one never).
test('19: a slow append that commits after a later-numbered fast one is applied first, and each exactly once', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const [lastAllocated, commit] = [gate(), gate()];
  const slow = scene.sql.begin(async (tx) => {
    await tx`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
             VALUES ('test.Stream', 'slow', 1, 'Noted', '{"text": "slow"}')`;
    lastAllocated.open();
    await commit.passed;
  });
  await lastAllocated.passed;
  const [fast] = await scene.append(...noted('fast', 1, 1));
  // The status appears only after a poll that found the fast event and the announcement of the slow one.
  await untilStatus(daemon, 'ledger', ({ detail }) => detail?.includes('that appends events') === true);
  expect(await readLedger(scene.sql)).toEqual([]);
  expect(await scene.sql`SELECT position FROM events`).toEqual([{ position: fast?.position }]);
  commit.open();
  await slow;
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['slow', 'fast1']);
});

// Seen red with: every wakeup opening a page (projection-operations.ts running in mode 'attempt').
test('40: without events there is no error and no transaction of a page begins', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const before = await scene.row('ledger');
  const points: string[] = [];
  const daemon = await scene.start({ requeueEveryMs: 20, failpoint: (point) => void points.push(point) });
  let wakeups = 0;
  daemon.onTransition(({ to }) => {
    if (to === 'live.working') wakeups += 1;
  });
  await vi.waitFor(() => expect(wakeups).toBeGreaterThanOrEqual(3), { timeout: 10_000, interval: 10 });
  expect(points).toEqual([]);
  expect(await scene.row('ledger')).toEqual(before);
  expect(await daemon.status()).toMatchObject([{ state: 'live', failure: null, lagEvents: 0 }]);
});
