import { expect, test, vi } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { type PublisherEvent, publisherMachine } from '../../machines/publisher.ts';
import { PUBLISHER_STATES, type PublisherState, type RelayOutcome } from '../../src/core/publisher.ts';

type Broker = Exclude<PublisherEvent['type'], 'START'>;
type Happening = Broker | 'TIME';
/** Never Partial: a new state or event does not compile until each of its cells is written. */
type Table = Readonly<Record<Exclude<PublisherState, 'publishing'>, Readonly<Record<Happening, PublisherState>>>>;

/** The target from each state without an operation; OUTCOMES has those from `publishing`. */
const TABLE: Table = {
  stopped: row('stopped', {}),
  connecting: row('connecting', { STOP: 'stopped', CONNECTED: 'publishing' }),
  idle: row('idle', { STOP: 'stopped', WAKE: 'publishing', DISCONNECTED: 'connecting', BLOCKED: 'blocked' }),
  standby: row('standby', { STOP: 'stopped', DISCONNECTED: 'connecting', TIME: 'publishing' }),
  blocked: row('blocked', { STOP: 'stopped', DISCONNECTED: 'connecting', UNBLOCKED: 'publishing' }),
  'backing-off': row('backing-off', { STOP: 'stopped', TIME: 'publishing' }),
  halted: row('halted', { STOP: 'stopped', TIME: 'publishing' }),
};

/** The steps from `publishing` to each state. */
const WAYS: Readonly<Record<keyof typeof TABLE, readonly (RelayOutcome | PublisherEvent)[]>> = {
  stopped: [{ type: 'STOP' }, { kind: 'stopped' }],
  connecting: [{ type: 'DISCONNECTED', reason: 'it is gone' }, { kind: 'disconnected' }],
  idle: [{ kind: 'published' }],
  standby: [{ kind: 'locked-by-other' }],
  blocked: [{ type: 'BLOCKED', reason: 'low on memory' }, { kind: 'blocked' }],
  'backing-off': [{ kind: 'refused', detail: 'a queue refused', progressed: false }],
  halted: [{ kind: 'halted', detail: 'cannot publish' }],
};

function row(self: PublisherState, changes: Partial<Record<Happening, PublisherState>>): Table['idle'] {
  const stay = { STOP: self, WAKE: self, CONNECTED: self, DISCONNECTED: self, BLOCKED: self, UNBLOCKED: self };
  return { ...stay, TIME: self, ...changes };
}

/** A publisher in `publishing`, whose operation the test ends. */
function start() {
  const clock = new SimulatedClock();
  const operations: { readonly signal: AbortSignal; end(outcome: RelayOutcome): void; fail(error: Error): void }[] = [];
  const relay = (signal: AbortSignal) =>
    new Promise<RelayOutcome>((end, fail) => {
      operations.push({ signal, end, fail });
    });
  const input = { operations: { relay }, backoff: { baseMs: 100, capMs: 1000 }, retryHaltedAfterMs: 60_000 };
  const actor = createActor(publisherMachine, { input, clock }).start();
  actor.send({ type: 'CONNECTED' });
  actor.send({ type: 'START' });
  const happen = (what: Happening): void => {
    if (what === 'TIME') clock.increment(1_000_000);
    else actor.send({ type: what, reason: `${what} why` });
  };
  const take = async (way: readonly (RelayOutcome | PublisherEvent)[]): Promise<void> => {
    for (const step of way) {
      if ('type' in step) actor.send(step);
      else operations.at(-1)?.end(step);
    }
    await vi.waitFor(() => expect(actor.getSnapshot().value).not.toBe('publishing'), { interval: 1 });
  };
  const at = () => actor.getSnapshot().value;
  return { actor, operations, happen, take, at };
}

// Seen red with: WAKE left out of idle; halted left at DISCONNECTED; backing-off without `after`.
test.each(Object.keys(TABLE) as (keyof typeof TABLE)[])('the targets from %s are those of the table', async (state) => {
  for (const [what, expected] of Object.entries(TABLE[state])) {
    const { happen, take, at, actor } = start();
    await take(WAYS[state]);
    expect(at()).toBe(state);
    happen(what as Happening);
    expect([state, what, at()]).toEqual([state, what, expected]);
    actor.stop();
  }
});

test('the table and `publishing` are all the states', () => {
  expect([...Object.keys(TABLE), 'publishing'].sort()).toEqual([...PUBLISHER_STATES].sort());
  expect(Object.keys(publisherMachine.root.states).sort()).toEqual([...PUBLISHER_STATES].sort());
});

// Seen red with: STOP in publishing that goes to stopped at once.
test('never has two operations at once, whatever is sent while one runs', async () => {
  const { actor, operations, happen, at } = start();
  for (const what of ['WAKE', 'BLOCKED', 'UNBLOCKED', 'DISCONNECTED', 'CONNECTED', 'STOP', 'TIME'] as const)
    happen(what);
  actor.send({ type: 'START' });
  expect(operations).toHaveLength(1);
  expect(operations[0]?.signal.aborted).toBe(true);
  expect(at()).toBe('publishing');
  operations[0]?.end({ kind: 'stopped' });
  await vi.waitFor(() => expect(at()).toBe('stopped'), { interval: 1 });
});

// Seen red with: `woken` not asked after `published`.
test('publishes again when it was woken meanwhile, and continues when there is more', async () => {
  const { actor, operations, at } = start();
  actor.send({ type: 'WAKE' });
  operations[0]?.end({ kind: 'published' });
  await vi.waitFor(() => expect(operations).toHaveLength(2), { interval: 1 });
  operations[1]?.end({ kind: 'behind' });
  await vi.waitFor(() => expect(operations).toHaveLength(3), { interval: 1 });
  operations[2]?.end({ kind: 'published' });
  await vi.waitFor(() => expect(at()).toBe('idle'), { interval: 1 });
});

test('a channel that is opened again while an operation ends is used after a backoff', async () => {
  const { actor, operations, happen, at } = start();
  actor.send({ type: 'DISCONNECTED', reason: 'cut' });
  actor.send({ type: 'CONNECTED' });
  operations[0]?.end({ kind: 'disconnected' });
  await vi.waitFor(() => expect(at()).toBe('backing-off'), { interval: 1 });
  happen('TIME');
  expect([at(), operations.length]).toEqual(['publishing', 2]);
});

test('backs off when the database is away, with the reason, and clears the reason after a success', async () => {
  const { actor, operations, happen, take, at } = start();
  operations[0]?.fail(new Error('the connection to PostgreSQL was lost'));
  await take([]);
  expect(at()).toBe('backing-off');
  expect(actor.getSnapshot().context.detail).toBe('backing off: the connection to PostgreSQL was lost');
  happen('TIME');
  await take([{ kind: 'published' }]);
  expect(actor.getSnapshot().context).toMatchObject({ detail: null, backoffs: 0 });
});

// Seen red with: `progressed` not heeded (many refusals far apart had waits as long as those of one message).
test.each<[string, readonly (RelayOutcome | PublisherEvent)[], object]>([
  ['stopped', WAYS.stopped, { detail: null, blocked: null, connected: true }],
  ['connecting', WAYS.connecting, { detail: 'it is gone', connected: false, blocked: null }],
  ['idle', WAYS.idle, { detail: null, backoffs: 0 }],
  ['standby', WAYS.standby, { detail: 'another daemon publishes' }],
  ['blocked', WAYS.blocked, { blocked: 'low on memory', detail: null }],
  ['backing-off', WAYS['backing-off'], { detail: 'backing off: a queue refused', backoffs: 1 }],
  ['halted', WAYS.halted, { detail: 'cannot publish', backoffs: 0 }],
])('%s has its reason', async (state, way, expected) => {
  const { take, at, actor } = start();
  await take(way);
  expect(at()).toBe(state);
  expect(actor.getSnapshot().context).toMatchObject(expected);
});

test('refusals in a row are counted, and the count starts anew after progress', async () => {
  const { take, happen, actor } = start();
  const refused = (progressed: boolean) => ({ kind: 'refused', detail: 'no', progressed }) as const;
  const counted: number[] = [];
  for (const progressed of [false, false, false, true, false]) {
    await take([refused(progressed)]);
    counted.push(actor.getSnapshot().context.backoffs);
    happen('TIME');
  }
  expect(counted).toEqual([1, 2, 3, 1, 2]);
  await take([{ kind: 'stopped' }]);
  expect(actor.getSnapshot()).toMatchObject({ value: 'backing-off', context: { backoffs: 0, detail: null } });
});

test('the state of the broker is kept for as long as it holds', () => {
  const { actor, happen } = start();
  const context = () => actor.getSnapshot().context;
  happen('BLOCKED');
  expect(context()).toMatchObject({ blocked: 'BLOCKED why', connected: true });
  happen('UNBLOCKED');
  expect(context()).toMatchObject({ blocked: null, connected: true });
  happen('BLOCKED');
  happen('DISCONNECTED');
  expect(context()).toMatchObject({ blocked: null, connected: false, detail: 'DISCONNECTED why' });
  happen('CONNECTED');
  expect(context()).toMatchObject({ connected: true });
});

test('a start clears the past: connected it publishes, else it waits for the broker', async () => {
  const { actor, take, happen, at, operations } = start();
  await take([{ kind: 'refused', detail: 'no', progressed: false }]);
  happen('STOP');
  actor.send({ type: 'START' });
  expect(at()).toBe('publishing');
  expect(actor.getSnapshot().context).toMatchObject({ backoffs: 0, detail: null, stopWanted: false, woken: false });
  await take([{ type: 'STOP' }, { kind: 'stopped' }]);
  actor.send({ type: 'START' });
  operations.at(-1)?.end({ kind: 'published' });
  await vi.waitFor(() => expect(at()).toBe('idle'), { interval: 1 });
  happen('STOP');
  happen('DISCONNECTED');
  actor.send({ type: 'START' });
  expect(at()).toBe('connecting');
});

test('it begins stopped and without a broker, and a start waits for one', () => {
  const input = { operations: { relay: () => new Promise<never>(() => undefined) }, backoff: { baseMs: 1, capMs: 1 } };
  const actor = createActor(publisherMachine, { input: { ...input, retryHaltedAfterMs: 1 } }).start();
  const nothing = { stopWanted: false, woken: false, connected: false, blocked: null, backoffs: 0, detail: null };
  expect(actor.getSnapshot()).toMatchObject({ value: 'stopped', context: nothing });
  actor.send({ type: 'START' });
  expect(actor.getSnapshot().value).toBe('connecting');
});

test.each(['standby', 'backing-off', 'halted'] as const)(
  '%s continues as the state of the broker permits',
  async (state) => {
    for (const [what, expected] of [
      ['BLOCKED', 'blocked'],
      ['DISCONNECTED', 'connecting'],
    ] as const) {
      const { take, happen, at } = start();
      await take(WAYS[state]);
      happen(what);
      happen('TIME');
      expect(at()).toBe(expected);
    }
  },
);

test('a wake while the broker accepts no messages waits for it', async () => {
  const { take, happen, at } = start();
  await take(WAYS.idle);
  happen('BLOCKED');
  expect(at()).toBe('blocked');
  happen('WAKE');
  expect(at()).toBe('blocked');
  happen('UNBLOCKED');
  expect(at()).toBe('publishing');
});

test.each<[unknown, string]>([
  [new TypeError(''), 'TypeError'],
  ['words', 'words'],
  [Object.create(null), 'an error that cannot be shown'],
])('any value that was thrown becomes a text', async (thrown, words) => {
  const { operations, take, actor } = start();
  operations[0]?.fail(thrown as Error);
  await take([]);
  expect(actor.getSnapshot().context.detail).toBe(`backing off: ${words}`);
});
