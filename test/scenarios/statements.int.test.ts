import { expect, test } from 'vitest';
import {
  arrayAppend,
  arrayIntersect,
  arrayRemove,
  copy,
  create,
  defineProjection,
  increment,
  multi,
  type NewEvent,
  remove,
  type Statement,
  update,
  upsert,
} from '../../src/index.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { openScene } from '../support/scene.ts';

type Acts = Readonly<Record<string, () => Statement | readonly Statement[]>>;

/** Returns the statements that the payload of the event names. */
function baskets(acts: Acts) {
  return defineProjection<{ name: 'Did'; payload: { act: string } }>()({
    name: 'basket',
    schema: `CREATE TABLE IF NOT EXISTS basket (
      id text PRIMARY KEY, n int, big bigint, price numeric(6,2), tags text[], nums int[], owner text)`,
    tables: { basket: { key: ['id'] } },
    on: { Did: ({ payload: { act } }) => acts[act]?.() ?? [] },
  });
}

let sequenceNo = 0;

function did(...acts: readonly string[]): NewEvent[] {
  return acts.map((act) => {
    sequenceNo += 1;
    return { aggregateName: 'test.Basket', aggregateId: 'b', sequenceNo, name: 'Did', payload: { act } };
  });
}

const there = { id: 'there' };
const conflict = ['id'];

// Seen red with: needTable's, needSome's and needCondition's throws taken out.
test.each<[string, string, () => Statement]>([
  ['63', 'create names no table', () => create('', { id: 'x' })],
  ['63', "create on 'basket' has no values", () => create('basket', {})],
  ['63', "update on 'basket' has no values", () => update('basket', {}, there)],
  ['63', "update on 'basket' has no condition", () => update('basket', { n: 1 }, {})],
  ['63', "remove on 'basket' has no condition", () => remove('basket', {})],
  ['63', "copy on 'basket' has no condition", () => copy('basket', { from: ['n'], where: {}, conflict })],
  ['64', "upsert on 'basket' has no values", () => upsert('basket', there, { conflict })],
  [
    '64',
    "copy on 'basket' has no values",
    () => copy('basket', { from: ['n', 'id'], to: ['n'], where: there, conflict }),
  ],
  ['64', "copy on 'basket' has no values", () => copy('basket', { from: [], where: there, conflict })],
])('%s: %s: the event fails with the typed error, and no SQL has run for it', async (_scenario, message, bad) => {
  const projection = baskets({ good: () => create('basket', there), bad: () => [remove('basket', there), bad()] });
  await using scene = await openScene([projection]);
  await scene.append(...did('good', 'bad'));
  const daemon = await scene.start({ retries: 0 });
  const { failure } = await untilStatus(daemon, 'basket', ({ failure }) => failure !== null);
  expect(failure?.error).toContain(message);
  expect(await scene.sql`SELECT sqlstate, statement FROM projection_failures`).toEqual([
    { sqlstate: null, statement: null },
  ]);
  expect(await scene.sql`SELECT id FROM basket`).toEqual([there]);
});

// Seen red with: flattenStatements that reverses the parts.
test('65: several without parts moves the position alone; with parts they run in order, all or none', async () => {
  const projection = baskets({
    nothing: () => multi(),
    parts: () =>
      multi(create('basket', { id: 'a', n: 1 }), multi(update('basket', { n: 2 }, { id: 'a', n: 1 }), multi())),
    torn: () => multi(remove('basket', { id: 'a' }), create('basket', { id: null })),
  });
  await using scene = await openScene([projection]);
  const appended = await scene.append(...did('nothing', 'parts', 'torn'));
  const daemon = await scene.start({ retries: 0 });
  const { failure } = await untilStatus(daemon, 'basket', ({ failure }) => failure !== null);
  expect(failure).toMatchObject({ position: String(appended[2]?.position), sqlstate: '23502' });
  expect(await scene.sql`SELECT id, n FROM basket`).toEqual([{ id: 'a', n: 2 }]);
  expect((await scene.row('basket')).cursor).toBe(appended[1]?.position);
});

// Seen red with: `coalesce` left out of changed(), of the sum and of array_remove.
test('66: amounts are added and lists changed, also from NULL and in new rows', async () => {
  const changes = { n: increment(), price: increment(0.1), tags: arrayAppend('b'), nums: arrayRemove(1) };
  const projection = baskets({
    empty: () => create('basket', there),
    full: () => create('basket', { id: 'full', n: 1, big: 2n ** 62n, price: 1, tags: ['b', 'a'], nums: [1, 2, 1] }),
    changed: () => ['there', 'full', 'absent'].map((id) => update('basket', changes, { id })),
    upserted: () => ['full', 'new'].map((id) => upsert('basket', { id, ...changes, owner: 'o' }, { conflict })),
    cut: () => update('basket', { tags: arrayIntersect(['b', 'x']), big: increment(2n ** 62n - 1n) }, { id: 'full' }),
  });
  await using scene = await openScene([projection]);
  await scene.append(...did('empty', 'full', 'changed', 'upserted', 'cut'));
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await scene.sql`SELECT id, n, big, price, tags::text, nums::text, owner FROM basket ORDER BY id`).toEqual([
    { id: 'full', n: 3, big: 2n ** 63n - 1n, price: '1.20', tags: '{b,b,b}', nums: '{2}', owner: 'o' },
    { id: 'new', n: 1, big: null, price: '0.10', tags: '{b}', nums: '{}', owner: 'o' },
    { id: 'there', n: 1, big: null, price: '0.10', tags: '{b}', nums: '{}', owner: null },
  ]);
});

// Seen red with: the sum of a folded page as a number instead of a bigint.
test('66: thousands of increments add up exactly, whether pages are folded or not', async () => {
  const by = 2n ** 53n + 1n;
  const projection = baskets({
    one: () => upsert('basket', { id: 'a', n: increment(), big: increment(by) }, { conflict }),
  });
  await using scene = await openScene([projection]);
  const events = Array.from({ length: 1000 }, () => 'one');
  await scene.append(...did(...events));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const added = { id: 'a', n: 1000, big: by * 1000n };
  expect(await scene.sql`SELECT id, n, big FROM basket`).toEqual([added]);
  await scene.append(...did('one'));
  await untilCaughtUp(daemon, scene.sql);
  expect(await scene.sql`SELECT n, big FROM basket`).toEqual([{ n: 1001, big: by * 1001n }]);
});

// Seen red with: an overridden column copied as well; `from` treated as `to`.
test('a copy creates rows from others with values of its own, and overwrites existing rows', async () => {
  const projection = baskets({
    rows: () => [
      create('basket', { id: 'a', n: 1, tags: ['x'], owner: 'ann' }),
      create('basket', { id: 'b', n: 2, owner: 'bo' }),
    ],
    copied: () => copy('basket', { from: ['id', 'n', 'tags'], set: { id: 'c' }, where: { owner: 'ann' }, conflict }),
    over: () => copy('basket', { from: ['n'], to: ['big'], set: { id: 'b' }, where: { id: 'a' }, conflict }),
    none: () => copy('basket', { from: ['n'], set: { id: 'd' }, where: { id: 'nobody' }, conflict }),
  });
  await using scene = await openScene([projection]);
  await scene.append(...did('rows', 'copied', 'over', 'none'));
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await scene.sql`SELECT id, n, big, tags::text, owner FROM basket ORDER BY id`).toEqual([
    { id: 'a', n: 1, big: null, tags: '{x}', owner: 'ann' },
    { id: 'b', n: 2, big: 1n, tags: null, owner: 'bo' },
    { id: 'c', n: 1, big: null, tags: '{x}', owner: null },
  ]);
});
