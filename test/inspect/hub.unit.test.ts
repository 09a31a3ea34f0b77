import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createActor, createMachine, type InspectionEvent } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { delivered } from '../machines/projection-rig.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { inspectedDaemon, tellOfUnshowable } from './hub-rig.ts';
import { CollectingReader, type Frame, statesOf } from './reading.ts';

const kinds = (frames: readonly Frame[]) => frames.map(({ type }) => type.replace('@xstate.', ''));

test('whoever comes late is told of every actor that lives, parents first, with its definition and its state', async () => {
  const daemon = inspectedDaemon(['band', 'event']);
  await daemon.answer('band', 'open:running', 'run:caught-up');
  await daemon.answer('event', 'open:running');
  const { frames } = daemon.join().reader;
  const actors = frames.filter((frame) => frame.type === '@xstate.actor');
  // The operation of 'event' lives; those of 'band' have ended.
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
test('every transition is told at once and in order, the event that caused it before it', async () => {
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

// Seen red with: `xstate.init` told of; the snapshot that comes of it told of; what a promise tells itself told of.
test('an operation is told of twice: that it has begun, with where it stands, and how it has ended', async () => {
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

// Seen red with: `snapshot` of Pace always true.
test('a storm of wakes that move nothing is told ten times a second at most, its last one included', async () => {
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
  // What moves is told at once all the same, and a command among the wakes as well.
  reader.texts.length = 0;
  daemon.child('band').send({ type: 'WAKE' });
  daemon.child('band').send({ type: 'PAUSE' });
  await daemon.answer('band', 'run:stopped');
  const types = reader.frames.flatMap((frame) => (frame.type === '@xstate.event' ? frame.event.type : []));
  expect(types).toContain('PAUSE');
  expect(daemon.child('band').getSnapshot().value).toEqual({ idle: 'pausing' });
  expect(reader.texts.some((text) => text.includes('"value":{"idle":"pausing"}'))).toBe(true);
});

// Seen red with: `#died` left out of `#heard`.
test('the end of an actor is told, also of one that throws, and it is not introduced to newcomers any more', async () => {
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

// Seen red with: nobody subscribed to a root.
test('the death of a root is told, though nobody above hears of it', () => {
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
  const reader = new CollectingReader();
  hub.join(reader);
  actor.send({ type: 'READY' });
  clock.turn();
  expect(reader.frames.at(-1)).toMatchObject({ snapshot: { status: 'error', value: 'connecting' } });
  expect(hub.size.actors).toBe(0);
  actor.stop();
});

// Seen red with: an end held back as what moves nowhere is.
test('an end is told at once, however shortly before something else was', async () => {
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
  expect(daemon.hub.size).toEqual({ actors: 4, readers: 0 });
  daemon.stop();
  await daemon.answer('event', 'open:running');
  expect(daemon.hub.size).toEqual({ actors: 0, readers: 0 });
});

// Seen red with: `tell` that keeps news while nobody reads.
test('while nobody reads nothing is made into text and no timer runs', async () => {
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
test('to a slow newcomer introductions wait for each other, and what happens meanwhile is neither lost nor doubled', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `p${index}`);
  const daemon = inspectedDaemon(names);
  const reader = new CollectingReader();
  reader.holdsBack = true;
  daemon.hub.join(reader);
  expect(reader.frames.filter(({ type }) => type === '@xstate.actor')).toHaveLength(16);
  // p0 was introduced, p99 was not.
  await daemon.answer('p0', 'open:running');
  await daemon.answer('p99', 'open:running');
  expect(statesOf(reader.frames, 'projection.p0')).toEqual(['idle.opening', 'catching-up.working']);
  for (let before = 0; before !== reader.texts.length; ) {
    before = reader.texts.length;
    reader.take();
  }
  expect(statesOf(reader.frames, 'projection.p99')).toEqual(['catching-up.working']);
  await daemon.answer('p99', 'run:caught-up');
  expect(statesOf(reader.frames, 'projection.p99')).toEqual(['catching-up.working', 'live.waiting']);
  const introduced = reader.frames.flatMap((frame) => (frame.type === '@xstate.actor' ? frame.sessionId : []));
  expect(new Set(introduced).size).toBe(introduced.length);
});

// Seen red with: a list of its own made for each reader, so that each one's frames would be made anew.
test('what happens becomes text once: all who know everybody are handed the same list of messages', async () => {
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

// Seen red with: the look at `waiting` left out.
test('a reader that does not take what it is sent is dropped; the others go on', async () => {
  const daemon = inspectedDaemon(['band']);
  const [slow, fast] = [daemon.join().reader, daemon.join().reader];
  slow.waiting = 5 * 2 ** 20;
  await daemon.answer('band', 'open:running');
  expect([slow.dropped, fast.dropped]).toEqual([true, false]);
  expect(daemon.hub.size.readers).toBe(1);
  const told = slow.texts.length;
  await daemon.answer('band', 'run:caught-up');
  expect(slow.texts.length).toBe(told);
  expect(statesOf(fast.frames, 'projection.band').at(-1)).toBe('live.waiting');
});

// Seen red with: the look at MAX_NEWS left out.
test('more than fits into one turn of the event loop is told in the middle of it, so that memory stays bounded', () => {
  const hub = new Hub({ clock: new ManualClock() });
  const reader = new CollectingReader();
  hub.join(reader);
  for (let index = 0; index < 2500; index += 1) hub.observe(bornEvent(`x:${index}`));
  // Without a turn of the event loop; the last 500 wait for one.
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
test('whatever XState tells, the observer never throws, and neither does what follows from it', () => {
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
      const reader = new CollectingReader();
      hub.join(reader);
      for (const event of events) {
        hub.observe(event as unknown as InspectionEvent);
        clock.pass(50);
      }
      clock.pass(200);
      hub.join(new CollectingReader());
      for (const text of reader.texts) JSON.parse(text);
    }),
    { seed: 1, numRuns: 60 },
  );
}, 30_000);

// Seen red with: the try of `#rendered` left out: the exception ended the process.
test('an actor that cannot be shown is left out, and the others are told of all the same', async () => {
  const daemon = inspectedDaemon(['band']);
  const { reader } = daemon.join();
  tellOfUnshowable(daemon.hub, 'odd');
  await daemon.answer('band', 'open:running');
  expect(statesOf(reader.frames, 'projection.band')).toEqual(['idle.opening', 'catching-up.working']);
  expect(statesOf(daemon.join().reader.frames, 'projection.band')).toEqual(['catching-up.working']);
});

test('an observer that cannot tell does not disturb the actors', async () => {
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
