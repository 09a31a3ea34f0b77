import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import type { RunOutcome } from '../../src/core/port.ts';
import * as shown from '../../src/inspect/redact.ts';

type Shown = Readonly<Record<string, unknown>>;
const redactEvent = (given: unknown, texts: boolean): Shown => JSON.parse(shown.redactEvent(given, texts));
const redactSnapshot = (given: unknown, texts: boolean): Shown => JSON.parse(shown.redactSnapshot(given, texts));

const CANARY = 'Geheim: 4711';

const failed: RunOutcome = {
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

test('kind, position, event name and SQLSTATE of a failure leave; a position keeps every digit', () => {
  const event = {
    type: 'xstate.done.actor.0.projection.live.working',
    output: failed,
    actorId: '0.projection.live.working',
  };
  expect(redactEvent(event, false)).toEqual({
    type: 'xstate.done.actor.0.projection.live.working',
    actorId: '0.projection.live.working',
    output: {
      kind: 'failed',
      halted: true,
      event: { position: '9007199254740993', eventName: 'domain.BandCreated', sqlstate: '22007', code: null },
    },
  });
});

test('an error keeps its name and code; its message, which may quote a payload, leaves only if texts may', () => {
  const error = new EngineError('DAEMON_STOPPED');
  const snapshot = { status: 'error', error };
  expect(redactSnapshot(snapshot, false)).toEqual({
    status: 'error',
    error: { name: 'EngineError', code: 'DAEMON_STOPPED' },
  });
  expect(redactSnapshot(snapshot, true)).toMatchObject({ error: { message: error.message } });
  expect(redactSnapshot({ status: 'error', error: CANARY }, false)).toEqual({
    status: 'error',
    error: { name: 'string' },
  });
  expect(redactSnapshot({ status: 'error', error: CANARY }, true)).toMatchObject({ error: { message: CANARY } });
});

test('with texts allowed the details leave, shortened if they are very long', () => {
  expect(redactEvent({ type: 'x', output: failed }, true)).toMatchObject({ output: { detail: failed.detail } });
  expect(JSON.stringify(redactEvent({ type: 'x', reason: 'x'.repeat(1e6) }, true)).length).toBeLessThan(3000);
});

test('only named fields of a context leave', () => {
  const context = {
    name: 'band',
    operations: { password: CANARY },
    operation: new AbortController(),
    wanted: { stop: false, reset: true, pause: false, secret: CANARY },
    backoffs: Number.POSITIVE_INFINITY,
    detail: CANARY,
    retryFailedAfterMs: 1000,
  };
  const children = { '0.projection.live.working': { sessionId: 'x:3', secret: CANARY } };
  expect(redactSnapshot({ status: 'active', value: { live: 'working' }, context, children }, false)).toEqual({
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

/** The text of one value, in any field. */
const asType = (type: unknown) => redactEvent({ type }, false)['type'];
const asOutput = (output: object, texts = false) => redactEvent({ type: 'x', output }, texts)['output'];

// Seen red with: the patterns without `^`, without `$`; the length not checked.
test.each([
  ['projection.band', true],
  ['xstate.done.actor.0.projection.live.working', true],
  ['$init', true],
  ['_', true],
  ['a:b*c-d', true],
  ['x'.repeat(200), true],
  ['x'.repeat(201), false],
  ['two words', false],
  ['words.', true],
  ['.words', false],
  [' x', false],
  ['x\n', false],
  ['', false],
  [7, false],
])('as the type of an event %j is shown: %s', (type, shown) => {
  expect(asType(type)).toBe(shown ? type : 'unnamed');
});

test('a kind, a code and the name of an error have each their own pattern', () => {
  for (const kind of ['caught-up', 'failed', 'a']) expect(asOutput({ kind })).toEqual({ kind });
  for (const kind of ['Caught-up', '-up', 'caught up', 'up7', 'x'.repeat(201), true])
    expect(asOutput({ kind })).toEqual({});
  const code = (value: unknown) => asOutput({ event: { sqlstate: value, code: value } });
  for (const good of ['22007', 'DAEMON_STOPPED', 'A'])
    expect(code(good)).toEqual({ event: { sqlstate: good, code: good } });
  for (const bad of ['_A', 'a', 'Ab', 'A B', 'A-', '']) expect(code(bad), bad).toEqual({ event: {} });
  const named = (name: string) =>
    redactSnapshot({ status: 'error', error: Object.assign(new Error('no'), { name }) }, false)['error'];
  for (const good of ['TypeError', 'E2', 'e']) expect(named(good)).toEqual({ name: good });
  for (const bad of ['2E', 'Type Error', 'Type.Error', '']) expect(named(bad), bad).toEqual({});
});

test('flags are booleans and counts are numbers, in a form that JSON can hold', () => {
  expect(asOutput({ halted: true, progressed: false })).toEqual({ halted: true, progressed: false });
  expect(asOutput({ halted: 'true', progressed: 1 })).toEqual({});
  const counted = (position: unknown) => redactEvent({ type: 'x', position }, true)['position'];
  expect([counted(7), counted(7n), counted(Number.NaN), counted('7'), counted(true)]).toEqual([
    7,
    '7',
    'NaN',
    undefined,
    undefined,
  ]);
});

test('a text leaves if texts may and it is a string, up to 2000 characters', () => {
  expect(asOutput({ detail: 'x'.repeat(3000), warning: 'w' }, true)).toEqual({
    detail: 'x'.repeat(2000),
    warning: 'w',
  });
  expect(asOutput({ detail: 7 }, true)).toEqual({});
  expect(asOutput({ detail: 'words', warning: 'w' })).toEqual({});
  expect(asOutput({ detail: null })).toEqual({ detail: null });
});

test('a value that is no object has no fields, and a getter that throws counts as no field', () => {
  expect(redactEvent({ type: 'x', output: 7 }, true)).toEqual({ type: 'x' });
  expect(redactEvent({ type: 'x', output: null }, true)).toEqual({ type: 'x', output: null });
  expect([redactEvent(null, true), redactEvent('x', true), redactEvent(undefined, true)]).toEqual(
    Array(3).fill({ type: 'unnamed' }),
  );
  const throwing = Object.defineProperty({ name: 'band' }, 'type', {
    get: () => {
      throw new Error('no');
    },
  });
  expect(redactEvent(throwing, true)).toEqual({ type: 'unnamed', name: 'band' });
});

test('of a value that is no snapshot, or has no known field, only the status active is written', () => {
  for (const given of [null, undefined, 7, 'x', {}, { status: 7 }, { status: 'Not a word' }])
    expect(redactSnapshot(given, true)).toEqual({ status: 'active' });
  expect(redactSnapshot({ status: 'done', output: null, error: null }, true)).toEqual({ status: 'done' });
});

test('a machine has its state at any depth, its context and its children; unknown values in them are empty', () => {
  const rest = { tags: [], historyValue: {} };
  expect(redactSnapshot({ status: 'active', value: 'live' }, false)).toEqual({
    status: 'active',
    value: 'live',
    context: {},
    children: {},
    ...rest,
  });
  const value = { live: { working: 'deep' }, 'two words': 'x', other: 'two words' };
  const children = { 'a.b': {}, 'two words': {} };
  expect(redactSnapshot({ status: 'active', value, context: 7, children }, false)).toEqual({
    status: 'active',
    value: { live: { working: 'deep' }, other: undefined },
    context: {},
    children: { 'a.b': { id: 'a.b' } },
    ...rest,
  });
  expect(redactSnapshot({ value: 'live', children: 'x' }, false)).toMatchObject({ children: {} });
  expect(redactSnapshot({ value: 'live', children: null }, false)).toMatchObject({ children: {} });
});

// Seen red with: `__proto__` accepted as a word.
test('a name that would set the prototype of a copied object does not leave', () => {
  const odd: unknown = JSON.parse('{"__proto__":{"x":"y"},"live":"working"}');
  const text = shown.redactSnapshot({ status: 'active', value: odd, children: odd }, true);
  expect(text).toContain('"value":{"live":"working"}');
  expect(text).not.toContain('__proto__');
});

test('an operation that has ended has its outcome or its error', () => {
  expect(redactSnapshot({ status: 'done', output: { kind: 'behind' } }, false)).toEqual({
    status: 'done',
    output: { kind: 'behind' },
  });
  expect(redactSnapshot({ status: 'done', output: 7 }, false)).toEqual({ status: 'done', output: {} });
  expect(redactSnapshot({ status: 'error', error: 'text' }, false)).toEqual({
    status: 'error',
    error: { name: 'string' },
  });
  expect(redactSnapshot({ status: 'error', error: 7 }, true)).toEqual({
    status: 'error',
    error: { name: 'number', message: undefined },
  });
});

// Seen red with: `text` that ignores `texts`; a field copied without a rule.
test('a text of a payload never leaves, in whatever field it is', () => {
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
      const text = JSON.stringify([redactEvent(thing, false), redactSnapshot(thing, false)]);
      expect(text).not.toContain(CANARY);
    }),
    { seed: 1, numRuns: 600 },
  );
}, 30_000);
