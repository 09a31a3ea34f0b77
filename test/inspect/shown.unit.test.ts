import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import type { PullOutcome } from '../../src/core/port.ts';
import { definitionOf } from '../../src/inspect/definition.ts';
import { shownEvent, shownSnapshot } from '../../src/inspect/shown.ts';
import { allMachines } from '../machines/all-machines.ts';

const CANARY = 'Geheim: 4711';

const failed: PullOutcome = {
  kind: 'failed',
  halted: true,
  detail: `event 9007199254740993: ${CANARY}`,
  event: {
    position: 9_007_199_254_740_993n,
    eventName: 'domain.BandCreated',
    error: `invalid input syntax for type date: "${CANARY}"`,
    sqlstate: '22007',
    code: null,
  },
};

test('of a failure its kind, position, event name and SQLSTATE leave; a position keeps every digit', () => {
  const event = {
    type: 'xstate.done.actor.0.projection.live.working',
    output: failed,
    actorId: '0.projection.live.working',
  };
  expect(shownEvent(event, false)).toEqual({
    type: 'xstate.done.actor.0.projection.live.working',
    actorId: '0.projection.live.working',
    output: {
      kind: 'failed',
      halted: true,
      event: { position: '9007199254740993', eventName: 'domain.BandCreated', sqlstate: '22007', code: null },
    },
  });
});

test('an error keeps its name and code; its message, which may quote a payload, leaves only where texts may', () => {
  const error = new EngineError('DAEMON_STOPPED');
  const snapshot = { status: 'error', error };
  expect(shownSnapshot(snapshot, false)).toEqual({
    status: 'error',
    error: { name: 'EngineError', code: 'DAEMON_STOPPED' },
  });
  expect(shownSnapshot(snapshot, true)).toMatchObject({ error: { message: error.message } });
  expect(shownSnapshot({ status: 'error', error: CANARY }, false)).toEqual({
    status: 'error',
    error: { name: 'string' },
  });
  expect(shownSnapshot({ status: 'error', error: CANARY }, true)).toMatchObject({ error: { message: CANARY } });
});

test('with texts the details are there, cut where they are very long', () => {
  expect(shownEvent({ type: 'x', output: failed }, true)).toMatchObject({ output: { detail: failed.detail } });
  expect(JSON.stringify(shownEvent({ type: 'x', reason: 'x'.repeat(1e6) }, true)).length).toBeLessThan(3000);
});

test('of a context what is named leaves, and nothing else', () => {
  const context = {
    name: 'band',
    hands: { password: CANARY },
    operation: new AbortController(),
    wanted: { stop: false, reset: true, pause: false, secret: CANARY },
    backoffs: Number.POSITIVE_INFINITY,
    detail: CANARY,
    retryFailedAfterMs: 1000,
  };
  const children = { '0.projection.live.working': { sessionId: 'x:3', secret: CANARY } };
  expect(shownSnapshot({ status: 'active', value: { live: 'working' }, context, children }, false)).toEqual({
    status: 'active',
    value: { live: 'working' },
    context: {
      name: 'band',
      wanted: { stop: false, reset: true, pause: false },
      backoffs: 'Infinity',
      retryFailedAfterMs: 1000,
    },
    children: { '0.projection.live.working': { id: '0.projection.live.working' } },
    tags: [],
    historyValue: {},
  });
});

// Seen red with: `text` that heeds no `texts`; a field that is copied when it has no rule.
test('wherever a text of a payload turns up, it never leaves', () => {
  const names = [
    'type',
    'name',
    'kind',
    'status',
    'code',
    'detail',
    'reason',
    'message',
    'error',
    'output',
    'event',
    'eventName',
    'sqlstate',
    'context',
    'wanted',
    'blocked',
    'input',
    'data',
    'payload',
    'value',
    'actorId',
  ];
  const key = fc.oneof(fc.constantFrom(...names), fc.string(), fc.constant(CANARY));
  const leaf = fc.oneof(
    fc.constant(CANARY),
    fc.constant(new Error(CANARY)),
    fc.constant([CANARY]),
    fc.bigInt(),
    fc.boolean(),
    fc.double(),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 6 }, leaf, fc.dictionary(key, tie('tree'), { maxKeys: 6 })),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree, { minKeys: 1, maxKeys: 8 }), (thing) => {
      const text = JSON.stringify([shownEvent(thing, false), shownSnapshot(thing, false)]);
      expect(text).not.toContain(CANARY);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('a definition has every state of its machine, and none of the data its code holds', async () => {
  for (const { machine } of await allMachines()) {
    const definition = JSON.parse(definitionOf(machine, machine.id)) as object;
    const statesOf = (node: object): readonly string[] =>
      Object.entries(Object(Reflect.get(node, 'states'))).flatMap(([name, inner]) => [
        name,
        ...statesOf(Object(inner)),
      ]);
    expect(statesOf(definition)).toEqual(statesOf(machine.config));
    expect(JSON.stringify(definition)).not.toContain('paused by an operator');
  }
  expect(definitionOf({ config: { secret: CANARY } }, '0.projection')).toBe('{"id":"0.projection"}');
});
