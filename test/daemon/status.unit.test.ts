import { expect, test } from 'vitest';
import { fullStateOf, stateOf } from '../../machines/state-names.ts';
import { type FailureStatus, STATES } from '../../src/core/status.ts';
import { type StatusParts, type StoredView, toStatus } from '../../src/daemon/status.ts';
import { type Answer, createRig, delivered } from '../machines/projection-rig.ts';

async function snapshotAfter(...answers: readonly Answer[]) {
  const { actor, operations } = createRig();
  actor.send({ type: 'START' });
  for (const answer of answers) {
    operations.running[0]?.settle(answer);
    await delivered();
  }
  return actor.getSnapshot();
}

const LIVE = ['open:running', 'run:caught-up'] as const;

const view: StoredView = {
  name: 'band',
  cursor: 70n,
  generation: 3n,
  position: 1_700_000_000n,
  newest: 1_700_000_060n,
  alarm: null,
  skipped: 0,
  owner: 'host:1',
};

function statusOf(parts: Partial<StatusParts>) {
  return toStatus({
    name: 'band',
    tables: ['band'],
    snapshot: null,
    view,
    failure: null,
    historyCode: null,
    scanned: 0n,
    head: 100n,
    secondsAbove: () => 10,
    storeProblem: null,
    backingOffSince: null,
    holders: [],
    waitedMs: 0,
    ratePerSecond: 0,
    inOrder: [],
    owner: 'here:2',
    ...parts,
  });
}

const FAILURE: FailureStatus = {
  eventId: 'e',
  position: '71',
  eventName: 'BandCreated',
  attempts: 6,
  error: 'no',
  sqlstate: '23505',
  code: null,
  statement: null,
  at: '2026-01-01T00:00:00.000Z',
};

test('the state is one of five, the full one names the substate too', async () => {
  const live = await snapshotAfter(...LIVE);
  expect([stateOf(live), fullStateOf(live)]).toEqual(['live', 'live.waiting']);
  const { actor } = createRig();
  expect([stateOf(actor.getSnapshot()), fullStateOf(actor.getSnapshot())]).toEqual(['idle', 'idle.stopped']);
  actor.send({ type: 'START' });
  expect(STATES).toContain(stateOf(actor.getSnapshot()));
});

test('a projection that is behind: how many positions, how many seconds of history, and for how long', async () => {
  const snapshot = await snapshotAfter('open:running');
  expect(statusOf({ snapshot, ratePerSecond: 7 })).toEqual({
    name: 'band',
    instance: '',
    state: 'catching-up',
    substate: 'catching-up.working',
    detail: null,
    cursor: '70',
    head: '100',
    position: 1_700_000_000,
    lagEvents: 30,
    lagSeconds: 60,
    behindSeconds: 10,
    ratePerSecond: 7,
    etaSeconds: 5,
    generation: 3,
    inOrder: [],
    owner: 'here:2',
    backingOffSince: null,
    failure: null,
    skippedEvents: 0,
    tables: ['band'],
  });
});

// Seen red with: `position === 0n ? null` left out (56 years of lag).
test('after a reset the lag in seconds is not known, with everything applied it is 0', () => {
  expect(statusOf({ view: { ...view, cursor: 0n, position: 0n } }).lagSeconds).toBeNull();
  expect(statusOf({ head: 70n }).lagSeconds).toBe(0);
  expect(statusOf({ view: { ...view, cursor: 0n, position: 0n }, head: 0n }).lagSeconds).toBe(0);
  // Events were appended with older times than those before them.
  expect(statusOf({ view: { ...view, newest: 1n } }).lagSeconds).toBe(0);
  expect(statusOf({ view: { ...view, newest: null } }).lagSeconds).toBe(0);
});

// Seen red with: `cursor: String(stored)`.
test('what was passed over in memory counts, although the row does not show it yet', () => {
  expect(statusOf({ scanned: 100n })).toMatchObject({ cursor: '100', lagEvents: 0, lagSeconds: 0, behindSeconds: 0 });
  expect(statusOf({ scanned: 5n })).toMatchObject({ cursor: '70' });
});

test('a head that was looked at before the page never makes the lag negative', () => {
  expect(statusOf({ head: 10n })).toMatchObject({ cursor: '70', head: '70', lagEvents: 0 });
});

// Seen red with: `state === 'catching-up' &&` left out; `ratePerSecond > 0` left out (Infinity, null in JSON).
test('when it is caught up is told only while catching up, at a rate that is known', async () => {
  const snapshot = await snapshotAfter('open:running');
  expect(statusOf({ snapshot, ratePerSecond: 0 }).etaSeconds).toBeNull();
  expect(statusOf({ snapshot, ratePerSecond: 30 }).etaSeconds).toBe(1);
  expect(statusOf({ snapshot: await snapshotAfter(...LIVE), ratePerSecond: 30 }).etaSeconds).toBeNull();
});

// Seen red with: the measured rate as it is, whatever the state (it falls to 0 within half a minute).
test('what stands still has no rate, from the moment it does', async () => {
  const rateAfter = async (...answers: readonly Answer[]) =>
    statusOf({ snapshot: await snapshotAfter(...answers), ratePerSecond: 5000 }).ratePerSecond;
  expect(await rateAfter('open:running')).toBe(5000);
  expect(await rateAfter(...LIVE)).toBe(5000);
  expect(await rateAfter('open:running', 'run:failed for good')).toBe(0);
  expect(await rateAfter('open:paused')).toBe(0);
  expect(statusOf({ ratePerSecond: 5000 }).ratePerSecond).toBe(0);
});

// Seen red with: `seconds >= 1` made `seconds >= 0`; the machine's own detail after the holder's.
test('an appender that stays open is named after a second, unless there is something nearer to say', async () => {
  const pid = (seconds: number | null, id: number | null = 4711) => ({ pid: id, seconds });
  expect(statusOf({ holders: [pid(0.4)] }).detail).toBeNull();
  expect(statusOf({ holders: [pid(0.4), pid(61.9)] }).detail).toBe(
    'waiting for the transaction of pid 4711 that appends events, open for 61 s',
  );
  expect(statusOf({ holders: [pid(null, null)] }).detail).toBe(
    'waiting for a prepared transaction that appends events',
  );
  const snapshot = await snapshotAfter('open:running', 'run:failed');
  expect(statusOf({ snapshot, holders: [pid(61)] }).detail).toBe('event 7 failed');
  expect(statusOf({ snapshot, view: { ...view, alarm: 'needs a rebuild' } }).detail).toBe('needs a rebuild');
});

test('a projection that no actor runs is idle, and belongs to whom the row names', () => {
  expect(statusOf({})).toMatchObject({ state: 'idle', owner: 'host:1' });
  expect(statusOf({ view: undefined })).toMatchObject({ cursor: '0', position: 0, generation: 0, owner: null });
});

test('the stored failure is shown; one without an event only while it is halted', async () => {
  const halted = await snapshotAfter('open:running', 'run:failed for good');
  expect(statusOf({ snapshot: halted, failure: FAILURE }).failure).toBe(FAILURE);
  expect(statusOf({ snapshot: halted }).failure).toMatchObject({
    eventId: null,
    position: '70',
    error: 'event 7 failed for good',
  });
  expect(statusOf({ snapshot: await snapshotAfter('open:running', 'run:failed') }).failure).toBeNull();
});

// Seen red with: `generation: view.generation`. JSON.stringify throws on a bigint: the whole answer would be lost.
test('a status is JSON, and positions above 2^53 keep their digits', () => {
  const far = statusOf({ view: { ...view, cursor: 2n ** 62n + 1n }, head: 2n ** 62n + 3n });
  expect(JSON.parse(JSON.stringify(far))).toEqual(far);
  expect(far).toMatchObject({ cursor: '4611686018427387905', head: '4611686018427387907', lagEvents: 2 });
});

// Seen red with: `waitsForRoom` left out of toStatus.
test('a projection that waits for memory says so, and nothing else is kept back by it', () => {
  expect(statusOf({ waitsForRoom: true }).detail).toContain('waiting for memory');
  expect(statusOf({ waitsForRoom: true, storeProblem: 'away' }).detail).toBe('away');
});

// Seen red with: a head of null taken for 0 in `lagBehind`.
test('without a high-water mark nothing about the lag is known, and the detail says so', async () => {
  const unknown = {
    cursor: '70',
    head: '70',
    lagEvents: null,
    lagSeconds: null,
    behindSeconds: null,
    etaSeconds: null,
  };
  const snapshot = await snapshotAfter(...LIVE);
  expect(statusOf({ snapshot, head: null })).toMatchObject({
    ...unknown,
    detail: expect.stringContaining('not known'),
  });
  expect(statusOf({ snapshot, head: null, storeProblem: 'gone' })).toMatchObject({ ...unknown, detail: 'gone' });
  // A detail would say that the projection is paused or runs elsewhere.
  expect(statusOf({ head: null })).toMatchObject({ ...unknown, state: 'idle', detail: null });
});
