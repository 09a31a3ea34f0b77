import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Capsule } from '../../src/core/capsule.ts';
import { lookup, type Projection, update } from '../../src/index.ts';
import { makeFailureSnapshot } from '../../src/operations/dry-run/failure-snapshot.ts';
import { capsuleEvents, createMemoryKit, createTestKit, replayCapsule, type TestKit } from '../../src/testing/index.ts';
import { untilStatus } from '../support/engine.ts';
import { brokenStock, type CountHandler, mendedStock, shop, stockWith } from '../support/halted-stock.ts';
import { openScene, type Scene } from '../support/scene.ts';

const OCCURRED = '2026-03-01T19:00:00.123456Z';
let scene: Scene;
let daemon: Awaited<ReturnType<Scene['start']>>;
let kit: TestKit;

function event(name: string, aggregateId: string, sequenceNo: number, payload: object) {
  return { aggregateName: 'shop', aggregateId, sequenceNo, name, payload, occurredAt: OCCURRED };
}

beforeAll(async () => {
  // The kit needs the table of the shop for the foreign key of the table of the stock.
  kit = createTestKit({ database: inject('postgres').url, schema: shop.schema });
  scene = await openScene([shop, brokenStock]);
  daemon = await scene.start({ retries: 0 });
  await scene.append(event('ShopNamed', 'corner', 1, {}));
  for (const item of ['a', 'b', 'c'])
    await scene.append(event('ItemListed', item, 1, { price: 12.5, tags: ['x', item] }));
  for (let number = 1; number <= 25; number++) await scene.append(event('Passed', 'count', number, { number }));
  await scene.append(event('StockCounted', 'count', 26, { counts: { a: 7, b: 1 }, long: 12345678901234567890n }));
  for (let number = 27; number <= 40; number++) await scene.append(event('Passed', 'count', number, { number }));
  await untilStatus(daemon, 'stock', ({ state, failure }) => state === 'failed' && failure !== null);
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  await kit.close();
});

/** The snapshot that a daemon with this projection would export. */
async function capsuleOf(projection: Projection): Promise<Capsule> {
  const source = {
    database: { url: scene.database.url },
    schema: 'public',
    version: '1',
    projections: [shop, projection],
  };
  const capsule = await makeFailureSnapshot(source, 'stock', new AbortController().signal);
  return JSON.parse(JSON.stringify(capsule)) as Capsule;
}
const capsuleWith = (handler: CountHandler) => capsuleOf(stockWith(handler));

// Seen red with: the time of the export put into the capsule.
test('a failure snapshot holds the event, its surrounding events, the failure and the attempt, and a second export has the same bytes', async () => {
  const capsule = await daemon.capsule('stock');
  expect(JSON.stringify(await daemon.capsule('stock'))).toBe(JSON.stringify(capsule));
  expect(capsule).toMatchObject({
    capsule: 1,
    engine: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    projection: { name: 'stock', version: 1, handles: ['ItemListed', 'StockCounted'] },
    event: {
      name: 'StockCounted',
      sequenceNo: '26',
      occurredAt: OCCURRED,
      payload: '{"long": 12345678901234567890, "counts": {"a": 7, "b": 1}}',
    },
    failure: { name: 'stock', attempts: 1, error: 'no idea what 2 counts are' },
    attempt: { outcome: 'failed', error: 'no idea what 2 counts are', statements: [] },
  });
  const numbers = (events: Capsule['handledBefore']) => events.map(({ sequenceNo }) => Number(sequenceNo));
  expect(numbers(capsule.stream.before)).toEqual(Array.from({ length: 20 }, (_, index) => 6 + index));
  expect(numbers(capsule.stream.after)).toEqual([27, 28, 29, 30, 31]);
  expect(capsule.handledBefore.map(({ aggregateId }) => aggregateId)).toEqual(['a', 'b', 'c']);
});

test('a failure snapshot holds the rows that the statements match, and those whose keys their values could violate', async () => {
  const { tables } = await capsuleWith(() => [
    update('stock', { count: 3, details: { from: 'count' } }, { item: 'a' }),
    lookup('shop', { select: 'id', where: { id: 'corner' } }, (found) =>
      update('stock', { item: 'c' }, { item: found }),
    ),
  ]);
  expect(tables.map(({ name, rows }) => [name, rows.map((row) => row['item'] ?? row['id'])])).toEqual([
    ['shop', ['corner']],
    ['stock', ['a', 'c']],
    ['stock_place', []],
  ]);
  const [row] = tables[1]?.rows ?? [];
  expect(row).toMatchObject({
    price: '12.50',
    tags: '{x,a}',
    details: '{"from": "list", "sizes": [1, 2]}',
    doubled: '2',
  });
});

const changed = [
  { table: 'stock', before: expect.objectContaining({ count: 1 }), after: expect.objectContaining({ count: 7 }) },
];

// Seen red with: the rows of the capsule not put into the tables.
test('a replay fails the same way with the broken handler and applies the event with the mended one, in memory and on PostgreSQL', async () => {
  const capsule = await capsuleOf(mendedStock);
  for (const [options, on] of [
    [{ on: 'memory' as const }, 'memory'],
    [{ on: kit }, 'postgres'],
    [{}, 'memory'],
  ] as const) {
    expect(await replayCapsule(brokenStock, capsule, options)).toEqual({
      outcome: 'failed',
      error: 'no idea what 2 counts are',
      code: null,
      sqlstate: null,
      changes: [],
      on,
    });
    expect(await replayCapsule(mendedStock, capsule, options)).toMatchObject({
      outcome: 'applied',
      changes: changed,
      on,
    });
  }
});

// Seen red with: failedInDatabase that always returns false.
test('an event that the database refused is replayed on PostgreSQL', async () => {
  const negative = stockWith(() => update('stock', { count: -1 }, { item: 'a' }));
  const capsule = await capsuleOf(negative);
  expect(capsule.attempt).toMatchObject({ outcome: 'failed', sqlstate: '23514' });
  expect((await replayCapsule(negative, capsule, { on: 'memory' })).outcome).toBe('applied');
  process.env['TEST_DATABASE_URL'] = inject('postgres').url;
  try {
    const own = stockWith(() => update('stock', { count: -1 }, { item: 'a' }));
    const plain = { ...own, schema: `${shop.schema}; ${own.schema}` };
    expect(await replayCapsule(plain, capsule)).toMatchObject({ outcome: 'failed', sqlstate: '23514', on: 'postgres' });
  } finally {
    delete process.env['TEST_DATABASE_URL'];
  }
});

test('a handler with SQL of its own is replayed on PostgreSQL, with all rows of small tables', async () => {
  const imperative: CountHandler = async ({ payload }, { tx }) => {
    const rows = await tx<{ item: string }[]>`SELECT item FROM stock WHERE price > 12 ORDER BY item`;
    await tx`UPDATE stock SET count = ${payload.counts['a']}::int + ${rows.length}::int WHERE item = 'a'`;
  };
  const capsule = await capsuleWith(imperative);
  expect(capsule.tables[0]?.rows.map((row) => row['item'])).toEqual(['a', 'b', 'c']);
  const replay = await replayCapsule(stockWith(imperative), capsule, { on: kit });
  expect(replay.changes).toMatchObject([{ before: { item: 'a', count: 1 }, after: { item: 'a', count: 10 } }]);
  await expect(replayCapsule(stockWith(imperative), capsule, { on: 'memory' })).rejects.toMatchObject({
    code: 'TEST_NEEDS_POSTGRES',
  });
});

test('a look-up of a replay finds the rows of the snapshot in a table that no projection of the test declares', async () => {
  const seek =
    (id: string): CountHandler =>
    () =>
      lookup('shop', { select: 'id', where: { id } }, (found) => update('stock', { details: found }, { item: 'a' }));
  const capsule = await capsuleWith(seek('corner'));
  await using bare = createTestKit({ database: inject('postgres').url });
  const reading: Projection = {
    ...stockWith(seek('corner')),
    schema: stockWith(seek('corner')).schema.replace('REFERENCES shop', ''),
  };
  for (const on of ['memory', bare] as const) {
    const replay = await replayCapsule(reading, capsule, { on });
    expect(replay).toMatchObject({ outcome: 'applied', changes: [{ after: { item: 'a', details: 'corner' } }] });
    const other = await replayCapsule(stockWith(seek('gone')), capsule, { on: on === bare ? kit : on });
    expect(other).toMatchObject({ outcome: 'failed', code: 'LOOKUP_MISSED' });
  }
});

test('the events of a snapshot can be passed to given and when', async () => {
  const { given, when } = capsuleEvents(mendedStock, await capsuleOf(mendedStock));
  expect(given).toHaveLength(23);
  const memory = createMemoryKit();
  await memory
    .for(brokenStock)
    .given(...given)
    .when(when)
    .thenFails(/no idea/);
  await memory
    .for(mendedStock)
    .given(...given)
    .when(when)
    .then({ stock: [{ item: 'a', count: 7 }, { item: 'b' }, { item: 'c' }] });
});

test('a value that is no snapshot of this projection, or has a payload that was cut off, is refused with the reason', async () => {
  const capsule = await capsuleOf(mendedStock);
  const refused = (value: unknown, reason: string) => expect(replayCapsule(mendedStock, value)).rejects.toThrow(reason);
  await refused({}, 'it is no capsule of version 1');
  await refused(null, 'it is no capsule of version 1');
  await refused({ ...capsule, capsule: 2 }, 'it is no capsule of version 1');
  await refused({ ...capsule, projection: { ...capsule.projection, name: 'other' } }, "is of 'other', not of 'stock'");
  await refused({ ...capsule, event: { ...capsule.event, payloadLength: 99_999 } }, 'too large for a capsule');
});
