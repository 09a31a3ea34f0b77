import { expect, test, vi } from 'vitest';
import { createActor, type InspectionEvent, SimulatedClock } from 'xstate';
import { projectionMachine } from '../../machines/projection.ts';
import { type Log, silentLog } from '../../src/core/log.ts';
import type { Transition } from '../../src/daemon/api.ts';
import { watchTransitions } from '../../src/daemon/transition-observer.ts';
import { type Answer, delivered, GatedOperations, leafOf } from '../machines/projection-rig.ts';

function watched(
  announce: (change: Transition) => void,
  log: Log = silentLog,
  id = 'projection.band',
  clock = new SimulatedClock(),
) {
  const operations = new GatedOperations();
  const actor = createActor(projectionMachine, {
    id,
    clock,
    inspect: watchTransitions(announce, log),
    input: { name: 'band', operations, retryFailedAfterMs: 1000, backoff: { baseMs: 200, capMs: 30_000 } },
  });
  actor.subscribe({ error: () => undefined });
  actor.start();
  return { actor, operations };
}

async function goLive({ actor, operations }: ReturnType<typeof watched>): Promise<void> {
  actor.send({ type: 'START' });
  for (const answer of ['open:running', 'run:caught-up'] satisfies Answer[]) {
    await delivered();
    operations.running[0]?.settle(answer);
  }
  await delivered();
}

// Seen red with: `if (from === to) return` left out.
test('each change of state is announced once, with the state before it and the reason', async () => {
  const changes: Transition[] = [];
  const band = watched((change) => changes.push(change));
  await goLive(band);
  band.actor.send({ type: 'WAKE' });
  band.actor.send({ type: 'WAKE' });
  band.operations.running[0]?.settle('rejected');
  await delivered();
  expect(changes.map(({ from, to }) => `${from} > ${to}`)).toEqual([
    'idle.stopped > idle.opening',
    'idle.opening > catching-up.working',
    'catching-up.working > live.waiting',
    'live.waiting > live.working',
    'live.working > live.backing-off',
  ]);
  expect(changes.at(-1)).toMatchObject({ name: 'band', detail: 'backing off: the database does not answer' });
});

test('actors that are no projections are not announced', async () => {
  const changes: Transition[] = [];
  await goLive(watched((change) => changes.push(change), silentLog, 'daemon'));
  expect(changes).toEqual([]);
});

// Seen red with: the log of the catch without a try of its own: XState's mailbox stays locked, and the actor never
// processes another event.
test('neither an observer nor a log that throws can block the actor', async () => {
  const broken = () => {
    throw new Error('broken');
  };
  const logs: Log[] = [silentLog, { debug: broken, info: broken, warn: broken, error: broken }];
  for (const log of logs) {
    const band = watched(broken, log);
    await goLive(band);
    expect(leafOf(band)).toBe('live.waiting');
    band.actor.send({ type: 'WAKE' });
    expect(leafOf(band)).toBe('live.working');
  }
});

test('failures are warnings, and alternating between working and waiting is not logged', async () => {
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => lines.push(`${level} ${Reflect.get(fields, 'to')}`);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const band = watched(() => undefined, log);
  await goLive(band);
  band.actor.send({ type: 'WAKE' });
  band.operations.running[0]?.settle('run:failed for good');
  await delivered();
  expect(lines).toEqual([
    'info idle.opening',
    'info catching-up.working',
    'info live.waiting',
    'debug live.working',
    'warn failed.halted',
  ]);
});

// Seen red with: newsFilter that passes every change.
test('a projection whose database is away is logged once, however often it tries, and again when it is back', async () => {
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => lines.push(`${level} ${Reflect.get(fields, 'to')}`);
  const log: Log = { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') };
  const clock = new SimulatedClock();
  const band = watched(() => undefined, log, 'projection.band', clock);
  await goLive(band);
  lines.length = 0;
  band.actor.send({ type: 'WAKE' });
  for (let attempt = 0; attempt < 50; attempt++) {
    band.operations.running[0]?.settle('rejected');
    await delivered();
    clock.increment(30_000);
  }
  expect(leafOf(band)).toBe('live.working');
  expect(lines).toEqual(['info live.backing-off']);
  band.operations.running[0]?.settle('run:caught-up');
  await delivered();
  expect(lines).toEqual(['info live.backing-off', 'info live.waiting']);
});

/** The inspection event of XState for a snapshot. */
function snapshotEvent(
  state: string,
  { id = 'projection.band', status = 'active', type = '@xstate.snapshot' } = {},
): InspectionEvent {
  const [outer = '', inner] = state.split('.');
  const snapshot = {
    status,
    value: inner === undefined ? outer : { [outer]: inner },
    context: { detail: 'why' },
    error: 'bug',
  };
  return { type, actorRef: { id }, snapshot, event: { type: 'WAKE' } } as unknown as InspectionEvent;
}

test.each<[string, readonly string[], string]>([
  ['what a wake does is none', ['live.waiting', 'live.working', 'live.waiting'], '1 0 0'],
  ['catching up with several pages is none after the first', ['catching-up.working', 'catching-up.working'], '1'],
  [
    'a wait of a kind is one once, and so is its end',
    ['catching-up.working', 'catching-up.waiting', 'catching-up.working', 'catching-up.waiting', 'live.waiting'],
    '1 1 0 0 1',
  ],
  [
    'waits of two kinds are two',
    [
      'catching-up.waiting',
      'catching-up.working',
      'catching-up.backing-off',
      'catching-up.working',
      'catching-up.waiting',
    ],
    '1 0 1 0 0',
  ],
  [
    'each of the waits',
    ['idle.standby', 'live.backing-off', 'failed.backing-off', 'catching-up.backing-off'],
    '1 1 1 1',
  ],
  [
    'what works while it waits',
    ['idle.standby', 'idle.opening', 'idle.standby', 'failed.attempting', 'idle.standby', 'live.working'],
    '1 0 0 0 0 0',
  ],
  ['a rest ends the waiting, so the next wait is one again', ['idle.standby', 'live.waiting', 'idle.standby'], '1 1 1'],
  [
    'after a wait the end of it is one though it was live all the time',
    ['live.waiting', 'live.backing-off', 'live.waiting'],
    '1 1 1',
  ],
  [
    'a reset, a pause and a halt always are',
    ['resetting', 'idle.paused', 'failed.halted', 'failed.attempting'],
    '1 1 1 1',
  ],
])('news: %s', (_what, states, news) => {
  const changes: Transition[] = [];
  const watch = watchTransitions((change) => changes.push(change), silentLog);
  for (const state of states) watch(snapshotEvent(state));
  expect(changes.map((change) => Number(change.news)).join(' ')).toBe(news);
});

test('announcement and log have name, old state, new state and reason; each projection separately', () => {
  const changes: Transition[] = [];
  const lines: unknown[] = [];
  const line = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const watch = watchTransitions((change) => changes.push(change), log);
  watch(snapshotEvent('live.waiting'));
  watch(snapshotEvent('failed.halted', { id: 'projection.event' }));
  watch(snapshotEvent('idle.stopped', { id: 'projection.hall' }));
  expect(changes).toEqual([
    { name: 'band', from: 'idle.stopped', to: 'live.waiting', detail: 'why', cause: 'WAKE', news: true },
    { name: 'event', from: 'idle.stopped', to: 'failed.halted', detail: 'why', cause: 'WAKE', news: true },
  ]);
  const [first, second] = changes.map(({ name, from, to, detail, cause }) => ({
    projection: name,
    from,
    to,
    detail,
    cause,
  }));
  expect(lines).toEqual([
    ['info', first, 'transition'],
    ['warn', second, 'transition'],
  ]);
});

test('an actor that died is logged as an error, one that has ended is not', () => {
  const changes: Transition[] = [];
  const error = vi.fn();
  const watch = watchTransitions((change) => changes.push(change), { ...silentLog, error });
  for (const other of [{ status: 'done' }, { type: '@xstate.event' }, { id: 'band' }])
    watch(snapshotEvent('live.waiting', other));
  expect(error).not.toHaveBeenCalled();
  watch(snapshotEvent('live.waiting', { status: 'error' }));
  expect(error.mock.calls).toEqual([[{ projection: 'band', err: 'bug' }, 'the actor died of a bug and is restarted']]);
  expect(changes).toEqual([]);
});

test('an observer that throws is logged', () => {
  const [error, broken] = [vi.fn(), new Error('broken')];
  const watch = watchTransitions(
    () => {
      throw broken;
    },
    { ...silentLog, error },
  );
  watch(snapshotEvent('live.waiting'));
  expect(error.mock.calls).toEqual([[{ err: broken }, 'a transition could not be announced']]);
});
