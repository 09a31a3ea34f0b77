import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createActor, createMachine, type InspectionEvent } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { delivered } from '../machines/projection-rig.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { inspectedDaemon, startUnserializable } from './hub-rig.ts';
import { CollectingSubscriber, type Frame, statesOf } from './reading.ts';

const kinds = (frames: readonly Frame[]) => frames.map(({ type }) => type.replace('@xstate.', ''));

test('a late subscriber is sent every live actor, parents first, with its definition and its state', async () => {
  const daemon = inspectedDaemon(['band', 'event']);
  await daemon.answer('band', 'open:running', 'run:caught-up');
  await daemon.answer('event', 'open:running');
  const { frames } = daemon.join().reader;
  const actors = frames.filter((frame) => frame.type === '@xstate.actor');
  // The operation of 'event' runs; those of 'band' have ended.
  expect(actors.map(({ name }) => name)).toEqual([
    'daemon',
    'projection.band',
    'projection.event',
    '0.projection.catching-up.working',
  ]);
  const [root, band, event] = actors;
  expect(root).toMatchObject({ snapshot: { status: 'active', value: 'running' } });
  expect(band).toMatchObject({ parentId: root?.sessionId, snapshot: { value: { live: 'waiting' } } });
  expect(event).toMatchObject({ rootId: root?.sessionId, snapshot: { value: { 'catching-up': 'working' } } });
  expect(statesOf(frames, 'projection.band')).toEqual(['live.waiting']);
  const machine = createMachine(JSON.parse(String(band?.definition)));
  expect(Object.keys(machine.states)).toEqual(['idle', 'catching-up', 'live', 'failed', 'resetting']);
});

// Seen red with: `moved` never set, so that a second transition within 100 ms is held back.
test('every transition is sent at once and in order, with the event that caused it before it', async () => {
  const daemon = inspectedDaemon(['band']);
  const { reader } = daemon.join();
  await daemon.answer('band', 'open:running', 'run:caught-up');
  daemon.child('band').send({ type: 'RESET' });
  await daemon.answer('band', 'reset:running', 'run:behind', 'run:caught-up');
  expect(statesOf(reader.frames, 'projection.band')).toEqual([
    'idle.opening',
    'catching-up.working',
    'live.waiting',
    'resetting',
    'catching-up.working',
    'live.waiting',
  ]);
  const id = reader.frames.find(
    (frame) => frame.type === '@xstate.actor' && frame.name === 'projection.band',
  )?.sessionId;
  const ofBand = reader.frames.filter(({ sessionId }) => sessionId === id);
  const reset = ofBand.findIndex((frame) => frame.type === '@xstate.event' && frame.event.type === 'RESET');
  expect(kinds(ofBand.slice(reset, reset + 2))).toEqual(['event', 'snapshot']);
  expect(ofBand[reset + 1]).toMatchObject({ snapshot: { value: 'resetting' }, event: { type: 'RESET' } });
  // A page that leads to the next one is a transition too, although the state has the same name.
  const again = ofBand.filter((frame) => frame.type === '@xstate.snapshot' && frame.event.type.includes('done.actor'));
  expect(again).toHaveLength(5);
});

// Seen red with: `xstate.init` sent; the snapshot after it sent; the event that a promise sends to itself sent.
test('an operation is sent twice: when it begins, with its state, and when it has ended, with its outcome', async () => {
  const daemon = inspectedDaemon(['band']);
  const { reader } = daemon.join();
  await daemon.answer('band', 'open:running', 'run:caught-up');
  const began = reader.frames.find(
    (frame) => frame.type === '@xstate.actor' && frame.name === '0.projection.catching-up.working',
  );
  expect(began).toMatchObject({ snapshot: { status: 'active' } });
  const after = reader.frames.filter(({ sessionId }) => sessionId === began?.sessionId).slice(1);
  expect(after).toMatchObject([
    {
      type: '@xstate.snapshot',
      snapshot: { status: 'done', output: { kind: 'caught-up' } },
      event: { type: 'xstate.promise.resolve' },
    },
  ]);
});

// Seen red with: `sendsSnapshot` always true.
test('many wakes without a transition are sent at most ten times a second, the last one included', async () => {
  const daemon = inspectedDaemon(['band']);
  await daemon.answer('band', 'open:running');
  const { reader } = daemon.join();
  daemon.clock.pass(200);
  reader.texts.length = 0;
  for (let ms = 0; ms < 1000; ms += 1) {
    daemon.child('band').send({ type: 'WAKE' });
    daemon.clock.pass(1);
  }
  daemon.clock.pass(100);
  const frames = reader.frames;
  expect(frames.filter(({ type }) => type === '@xstate.snapshot').length).toBeLessThanOrEqual(11);
  expect(frames.filter(({ type }) => type === '@xstate.event').length).toBeLessThanOrEqual(11);
  expect(frames.at(-1)).toMatchObject({ type: '@xstate.snapshot', snapshot: { context: { woken: true } } });
  expect(daemon.clock.timers).toBe(0);
  // A transition is still sent at once, and so is a command among the wakes.
  reader.texts.length = 0;
  daemon.child('band').send({ type: 'WAKE' });
  daemon.child('band').send({ type: 'PAUSE' });
  await daemon.answer('band', 'run:stopped');
  const types = reader.frames.flatMap((frame) => (frame.type === '@xstate.event' ? frame.event.type : []));
  expect(types).toContain('PAUSE');
  expect(daemon.child('band').getSnapshot().value).toEqual({ idle: 'pausing' });
  expect(reader.texts.some((text) => text.includes('"value":{"idle":"pausing"}'))).toBe(true);
});

// Seen red with: `#onError` left out of `#onEvent`.
test('the end of an actor is sent, also of one that throws, and new subscribers are not sent that actor any more', async () => {
  const daemon = inspectedDaemon(['band', 'event'], { broken: 'band' });
  await daemon.answer('band', 'open:running');
  const { reader } = daemon.join();
  daemon.child('band').send({ type: 'WAKE' });
  daemon.clock.turn();
  const id = reader.frames.find(
    (frame) => frame.type === '@xstate.actor' && frame.name === 'projection.band',
  )?.sessionId;
  const last = reader.frames.filter(({ sessionId }) => sessionId === id).at(-1);
  expect(last).toMatchObject({
    type: '@xstate.snapshot',
    snapshot: { status: 'error', value: { 'catching-up': 'working' }, error: { name: 'Error' } },
  });
  const late = daemon.join().reader.frames;
  expect(late.some(({ sessionId }) => sessionId === id)).toBe(false);
});

// Seen red with: no subscription to a root.
test('the error of a root is sent, although it has no parent that receives it', () => {
  const clock = new ManualClock();
  const hub = new Hub({ clock });
  const broken = brokerMachine.provide({
    actions: {
      clearDetail: () => {
        throw new Error('a bug');
      },
    },
  });
  const actor = createActor(broken, { inspect: hub.observe, input: { connectWithinMs: 1000 } });
  actor.subscribe({ error: () => undefined });
  actor.start();
  const reader = new CollectingSubscriber();
  hub.join(reader);
  actor.send({ type: 'READY' });
  clock.turn();
  expect(reader.frames.at(-1)).toMatchObject({ snapshot: { status: 'error', value: 'connecting' } });
  expect(hub.size.actors).toBe(0);
  actor.stop();
});

// Seen red with: an end held back like an update without a transition.
test('an end is sent at once, however recent the last update is', async () => {
  const daemon = inspectedDaemon(['band']);
  await daemon.answer('band', 'open:running');
  const { reader } = daemon.join();
  daemon.child('band').send({ type: 'WAKE' });
  daemon.stop();
  daemon.clock.turn();
  const ended = reader.frames.flatMap((frame) =>
    frame.type === '@xstate.snapshot' && Object(frame.snapshot).status === 'stopped' ? frame.sessionId : [],
  );
  expect(ended).toHaveLength(3);
});

test('when all is stopped no actor is left in the registry', async () => {
  const daemon = inspectedDaemon(['band', 'event']);
  await daemon.answer('band', 'open:running', 'run:caught-up');
  expect(daemon.hub.size).toEqual({ actors: 4, subscribers: 0 });
  daemon.stop();
  await daemon.answer('event', 'open:running');
  expect(daemon.hub.size).toEqual({ actors: 0, subscribers: 0 });
});

// Seen red with: `publish` that keeps updates without subscribers.
test('without subscribers nothing is turned into text and no timer runs', async () => {
  const texts: unknown[] = [];
  const clock = new ManualClock();
  const spied = new Proxy(clock, {
    get: (target, name) => {
      if (name === 'soon' || name === 'later') texts.push(name);
      return Reflect.get(target, name).bind(target);
    },
  });
  const daemon = inspectedDaemon(['band'], { clock: spied });
  await daemon.answer('band', 'open:running', 'run:caught-up');
  for (let index = 0; index < 100; index += 1) daemon.child('band').send({ type: 'WAKE' });
  expect(texts).toEqual([]);
});

// Seen red with: frames sent whatever `knows` says.
test('a slow new subscriber is sent the actors group by group, and updates meanwhile are neither lost nor doubled', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `p${index}`);
  const daemon = inspectedDaemon(names);
  const reader = new CollectingSubscriber();
  reader.holdsBack = true;
  daemon.hub.join(reader);
  expect(reader.frames.filter(({ type }) => type === '@xstate.actor')).toHaveLength(16);
  // p0 has been sent, p99 has not.
  await daemon.answer('p0', 'open:running');
  await daemon.answer('p99', 'open:running');
  expect(statesOf(reader.frames, 'projection.p0')).toEqual(['idle.opening', 'catching-up.working']);
  for (let before = 0; before !== reader.texts.length; ) {
    before = reader.texts.length;
    reader.read();
  }
  expect(statesOf(reader.frames, 'projection.p99')).toEqual(['catching-up.working']);
  await daemon.answer('p99', 'run:caught-up');
  expect(statesOf(reader.frames, 'projection.p99')).toEqual(['catching-up.working', 'live.waiting']);
  const introduced = reader.frames.flatMap((frame) => (frame.type === '@xstate.actor' ? frame.sessionId : []));
  expect(new Set(introduced).size).toBe(introduced.length);
});

// Seen red with: a separate list for each subscriber, so that its frames would be built again.
test('an update becomes text once: all subscribers that know every actor are passed the same list of messages', async () => {
  const daemon = inspectedDaemon(['band']);
  const lists = [0, 1].map(() => {
    const handed: (readonly string[])[] = [];
    daemon.hub.join({
      send: (messages, taken) => {
        handed.push(messages);
        taken?.();
      },
      waiting: 0,
      drop: () => undefined,
    });
    return handed;
  });
  await daemon.answer('band', 'open:running');
  const [first, second] = lists.map((handed) => handed.at(-1));
  expect(first?.some((text) => text.includes('"value":{"catching-up":"working"}'))).toBe(true);
  expect(second).toBe(first);
});

// Seen red with: `waiting` not checked.
test('a subscriber that does not read is dropped; the others are not affected', async () => {
  const daemon = inspectedDaemon(['band']);
  const [slow, fast] = [daemon.join().reader, daemon.join().reader];
  slow.waiting = 5 * 2 ** 20;
  await daemon.answer('band', 'open:running');
  expect([slow.dropped, fast.dropped]).toEqual([true, false]);
  expect(daemon.hub.size.subscribers).toBe(1);
  const told = slow.texts.length;
  await daemon.answer('band', 'run:caught-up');
  expect(slow.texts.length).toBe(told);
  expect(statesOf(fast.frames, 'projection.band').at(-1)).toBe('live.waiting');
});

// Seen red with: MAX_UPDATES not checked.
test('more updates than the limit are sent within the turn of the event loop, so that memory stays bounded', () => {
  const hub = new Hub({ clock: new ManualClock() });
  const reader = new CollectingSubscriber();
  hub.join(reader);
  for (let index = 0; index < 2500; index += 1) hub.observe(bornEvent(`x:${index}`));
  // No turn of the event loop has passed; the last 500 wait for one.
  expect(reader.texts).toHaveLength(2000);
  expect(reader.dropped).toBe(false);
});

function bornEvent(sessionId: string): InspectionEvent {
  const actorRef = {
    id: sessionId,
    sessionId,
    logic: {},
    _parent: { sessionId: 'x:0' },
    getSnapshot: () => ({ status: 'active' }),
  };
  return {
    type: '@xstate.event',
    rootId: 'x:0',
    sourceRef: undefined,
    actorRef,
    event: { type: 'xstate.init' },
  } as never;
}

// Seen red with: the try of `observe` left out.
test('the observer never throws, whatever event it gets, and neither do the calls that follow', () => {
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error('hostile');
      },
      ownKeys: () => {
        throw new Error('hostile');
      },
      getPrototypeOf: () => {
        throw new Error('hostile');
      },
    },
  );
  const anything = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
    fc.constant(throwing),
  );
  const actor = fc.oneof(
    fc.record({
      id: fc.oneof(fc.string(), anything),
      sessionId: fc.constantFrom('x:1', 'x:2', 'x:3'),
      logic: anything,
      _parent: fc.oneof(fc.constant(undefined), fc.constant({ sessionId: 'x:1' }), anything),
      getSnapshot: fc.oneof(
        fc.func(anything),
        fc.constant(() => {
          throw new Error('hostile');
        }),
      ),
      subscribe: fc.constant(() => undefined),
    }),
    anything,
  );
  const told = fc.record({
    type: fc.constantFrom(
      '@xstate.actor',
      '@xstate.event',
      '@xstate.snapshot',
      '@xstate.microstep',
      '@xstate.action',
      '@xstate.news',
    ),
    rootId: anything,
    actorRef: actor,
    sourceRef: actor,
    event: fc.oneof(
      fc.record({
        type: fc.constantFrom('xstate.init', 'xstate.error.actor.a', 'WAKE'),
        error: anything,
        output: anything,
      }),
      anything,
    ),
    snapshot: fc.oneof(
      fc.record({
        status: fc.constantFrom('active', 'error', 'done'),
        value: anything,
        context: anything,
        output: anything,
        error: anything,
        children: anything,
      }),
      anything,
    ),
    _transitions: fc.oneof(fc.array(anything), anything),
  });
  fc.assert(
    fc.property(fc.array(told, { maxLength: 20 }), (events) => {
      const clock = new ManualClock();
      const hub = new Hub({ clock, texts: true });
      const reader = new CollectingSubscriber();
      hub.join(reader);
      for (const event of events) {
        hub.observe(event as unknown as InspectionEvent);
        clock.pass(50);
      }
      clock.pass(200);
      hub.join(new CollectingSubscriber());
      for (const text of reader.texts) JSON.parse(text);
    }),
    { seed: 1, numRuns: 60 },
  );
}, 30_000);

// Seen red with: the try of `#textOf` left out: the exception ended the process.
test('an actor that cannot be turned into text is left out, and the others are sent', async () => {
  const daemon = inspectedDaemon(['band']);
  const { reader } = daemon.join();
  startUnserializable(daemon.hub, 'odd');
  await daemon.answer('band', 'open:running');
  expect(statesOf(reader.frames, 'projection.band')).toEqual(['idle.opening', 'catching-up.working']);
  expect(statesOf(daemon.join().reader.frames, 'projection.band')).toEqual(['catching-up.working']);
});

test('an observer that fails does not disturb the actors', async () => {
  const daemon = inspectedDaemon(['band'], {
    clock: {
      ...systemClock,
      wallClock: () => {
        throw new Error('broken');
      },
      now: () => 0,
      soon: () => undefined,
      later: () => () => undefined,
    },
  });
  try {
    daemon.join();
  } catch {
    /* The reader's own business. */
  }
  await daemon.answer('band', 'open:running', 'run:caught-up').catch(() => undefined);
  await delivered();
  expect(daemon.child('band').getSnapshot().value).toEqual({ live: 'waiting' });
});
