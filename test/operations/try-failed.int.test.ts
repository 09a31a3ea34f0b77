import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { create, lookup, type Projection, remove, update, upsert } from '../../src/index.ts';
import { tryFailed } from '../../src/operations/dry-run/dry-run.ts';
import { untilStatus } from '../support/engine.ts';
import { brokenStock, type CountHandler, mendedStock, shop, stockWith } from '../support/halted-stock.ts';
import { gate, openScene, type Scene } from '../support/scene.ts';
import { openSession } from '../support/session.ts';

const COUNTS = { a: 7, b: 1 };
const OCCURRED = '2026-03-01T19:00:00.123456Z';
let scene: Scene;
let daemon: Awaited<ReturnType<Scene['start']>>;
let position: bigint;

function event(name: string, aggregateId: string, payload: object, sequenceNo = 1) {
  return { aggregateName: 'shop', aggregateId, sequenceNo, name, payload, occurredAt: OCCURRED };
}

beforeAll(async () => {
  scene = await openScene([shop, brokenStock]);
  daemon = await scene.start({ retries: 0 });
  await scene.append(event('ShopNamed', 'corner', {}));
  for (const item of ['a', 'b', 'c'])
    await scene.append(event('ItemListed', item, { price: 12.5, tags: ['x', 'y"z'] }));
  await untilStatus(daemon, 'shop', ({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  await daemon.send('shop', 'PAUSE');
  const appended = await scene.append(event('StockCounted', 'count', { counts: COUNTS, long: 12345678901234567890n }));
  position = appended[0]?.position ?? 0n;
  await untilStatus(daemon, 'stock', ({ state, failure }) => state === 'failed' && failure !== null);
});
afterAll(() => scene[Symbol.asyncDispose]());

function tryWith(projection: Projection, signal = new AbortController().signal) {
  const place = { database: { url: scene.database.url }, schema: 'public', projections: [shop, projection] };
  return tryFailed(place, 'stock', signal);
}

const tryHandler = (handler: CountHandler) => tryWith(stockWith(handler));

/** Every row of every table, by whom it was written and where it lies. */
async function everything(): Promise<unknown> {
  return await Promise.all(
    ['stock', 'stock_place', 'shop', 'events', 'readviews', 'projection_state', 'projection_failures'].map(
      (table) =>
        scene.sql`SELECT r.xmin::text, r.ctid::text, r.*::text AS row FROM ${scene.sql(table)} AS r ORDER BY r.ctid`,
    ),
  );
}

const rowA = {
  item: 'a',
  price: '12.50',
  tags: '{x,"y\\"z"}',
  details: '{"from": "list", "sizes": [1, 2]}',
  number: '1',
};
const SEEN = { seen: '2026-03-01 19:00:00.123456+00' };

// Seen red with: RollBack not thrown in rolled-back.ts, so that the transaction commits.
test('a try with mended code shows event, statements and changed rows, and nothing of it remains', async () => {
  const before = await everything();
  const report = await tryWith(mendedStock);
  expect(report).toEqual({
    name: 'stock',
    position: String(position),
    eventId: expect.stringMatching(/^[\da-f-]{36}$/),
    eventName: 'StockCounted',
    payload: '{"long": 12345678901234567890, "counts": {"a": 7, "b": 1}}',
    outcome: 'applied',
    error: null,
    code: null,
    sqlstate: null,
    statements: [
      { text: 'UPDATE "stock" SET "count" = $1 WHERE "item" = $2', values: ['7', "'a'"] },
      { text: 'UPDATE "stock" SET "count" = $1 WHERE "item" = $2', values: ['1', "'b'"] },
    ],
    moreStatements: 0,
    // b has the same count as before: it was written, and nothing has changed.
    changes: [
      {
        table: 'stock',
        before: { ...rowA, ...SEEN, count: '1', doubled: '2' },
        after: { ...rowA, ...SEEN, count: '7', doubled: '14' },
      },
    ],
    moreChanges: 0,
  });
  expect(await everything()).toEqual(before);
  expect(await tryWith(mendedStock)).toEqual(report);
});

test('new, changed and removed rows of several tables, and values of every kind', async () => {
  const before = await everything();
  const { changes } = await tryHandler(() => [
    create('stock', { item: 'd', count: null, price: '0.10', tags: [], details: ["it's", null], seen: new Date(0) }),
    remove('stock', { item: 'c' }),
    update('stock', { details: { n: 9007199254740993n } }, { item: 'a' }),
    upsert('stock_place', { item: 'a', place: 1, shop: 'corner' }, { conflict: ['item', 'place'] }),
  ]);
  expect(changes.map(({ table, before, after }) => [table, before?.['item'] ?? null, after?.['item'] ?? null])).toEqual(
    [
      ['stock', 'a', 'a'],
      ['stock', 'c', null],
      ['stock', null, 'd'],
      ['stock_place', null, 'a'],
    ],
  );
  expect(changes[0]?.after).toMatchObject({ details: '{"n": 9007199254740993}' });
  expect(changes[2]?.after).toEqual({
    item: 'd',
    count: null,
    price: '0.10',
    tags: '{}',
    details: `["it's", null]`,
    seen: '1970-01-01 00:00:00+00',
    doubled: null,
    number: expect.any(String),
  });
  expect(changes[3]?.after).toEqual({ item: 'a', place: '1', shop: 'corner' });
  expect(await everything()).toEqual(before);
});

// Seen red with: statements that were not even looked at left in the list.
test('a statement that fails is the last of the list, with its SQLSTATE, and no change is reported', async () => {
  const report = await tryHandler(() => [
    update('stock', { count: 5 }, { item: 'a' }),
    update('stock', { count: -5 }, { item: 'b' }),
    update('stock', { count: 6 }, { item: 'c' }),
  ]);
  expect(report).toMatchObject({ outcome: 'failed', code: null, sqlstate: '23514', changes: [] });
  expect(report.error).toContain('violates check constraint');
  expect(report.statements.map(({ values }) => values)).toEqual([
    ['5', "'a'"],
    ['-5', "'b'"],
  ]);
});

test('what the handler throws is the error; the daemon itself tries with the code that it runs', async () => {
  const failed = { outcome: 'failed', error: 'no idea what 2 counts are', code: null, sqlstate: null, statements: [] };
  expect(await daemon.tryFailed('stock')).toMatchObject(failed);
  const code = { outcome: 'failed', code: 'HANDLER_RESULT_INVALID' };
  expect(await tryHandler(() => undefined as never)).toMatchObject(code);
  const [failure, ...more] = await daemon.failures('stock');
  expect(more).toEqual([]);
  expect(failure).toMatchObject({ name: 'stock', position: String(position), attempts: 1, skipped: null, code: null });
  expect(failure?.firstAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(await daemon.failures()).toEqual([failure]);
  expect(await daemon.failures('shop')).toEqual([]);
});

test('code that no longer handles the event would pass over it', async () => {
  const { handlers, ...rest } = mendedStock;
  const report = await tryWith({
    ...rest,
    handlers: new Map([...handlers].filter(([name]) => name !== 'StockCounted')),
  });
  expect(report).toMatchObject({ outcome: 'applied', statements: [], changes: [] });
});

test('a look-up that misses while the other projection is behind waits; one that finds goes on', async () => {
  const seek = (id: string) => () =>
    lookup('shop', { select: 'id', where: { id } }, (found) =>
      update('stock', { details: { shop: found } }, { item: 'a' }),
    );
  const waits = await tryHandler(seek('none'));
  expect(waits).toMatchObject({ outcome: 'waiting', code: null, sqlstate: null, changes: [] });
  expect(waits.error).toMatch(new RegExp(`^waiting for 'shop' to reach position ${position} `));
  const found = await tryHandler(seek('corner'));
  expect(found.outcome).toBe('applied');
  expect(found.statements.map(({ text }) => text.split(' ')[0])).toEqual(['SELECT', 'UPDATE']);
  expect(found.changes[0]?.after).toMatchObject({ details: '{"shop": "corner"}' });
});

test('an event that lacks a row of another projection by a foreign key waits for that one', async () => {
  const report = await tryHandler(() => create('stock_place', { item: 'a', place: 1, shop: 'none' }));
  expect(report.outcome).toBe('waiting');
  expect(report.error).toContain("waiting for 'shop' to reach position");
});

// Seen red with: `deferred: null` in try-event.ts.
test('what only COMMIT would refuse is refused by the try, of other tables as well', async () => {
  const twice = [1, 2].map((count) => create('stock_place', { item: String(count), place: 1, shop: null }));
  const report = await tryHandler(() => twice);
  expect(report).toMatchObject({ outcome: 'failed', sqlstate: '23505' });
  expect(report.statements.at(-1)?.text).toBe('SET CONSTRAINTS ALL IMMEDIATE');
  await scene.sql`CREATE TABLE audit (item text UNIQUE DEFERRABLE INITIALLY DEFERRED)`;
  const elsewhere = await tryHandler(async (_, { tx }) => {
    await tx`INSERT INTO audit VALUES ('a'), ('a')`;
  });
  expect(elsewhere).toMatchObject({ outcome: 'failed', sqlstate: '23505' });
});

// Seen red with: `xmin = the transaction's id` in row-changes.ts; rows that are seen from both sides not left out.
test('a handler with SQL of its own: its statements in order, also what it wrote in a subtransaction; it is replaying', async () => {
  let replaying: boolean | null = null;
  const report = await tryHandler(async ({ payload }, context) => {
    ({ replaying } = context);
    await context.tx`INSERT INTO stock (item, count) VALUES (${'new'}, ${payload.counts['a']})`;
    await context.tx`SELECT count FROM stock WHERE item = 'b' FOR UPDATE`;
    await context.tx`DO $$ BEGIN UPDATE stock SET count = 3 WHERE item = 'c'; EXCEPTION WHEN division_by_zero THEN NULL; END $$`;
  });
  expect(replaying).toBe(true);
  expect(report.outcome).toBe('applied');
  expect(report.statements.map(({ text, values }) => [text.slice(0, 6), values])).toEqual([
    ['INSERT', ["'new'", '7']],
    ['SELECT', []],
    ['DO $$ ', []],
  ]);
  // b was only locked.
  expect(report.changes.map(({ after }) => [after?.['item'], after?.['count']])).toEqual([
    ['c', '3'],
    ['new', '7'],
  ]);
});

// Seen red with: the keys of the new versions left out of what is looked for outside.
test('a row that another transaction holds a share of is still reported as changed', async () => {
  await using reader = openSession({ url: scene.database.url }, 'reader');
  await reader.run(`BEGIN; SELECT FROM stock WHERE item = 'a' FOR KEY SHARE`);
  const { changes } = await tryWith(mendedStock);
  expect(changes.map(({ before, after }) => [before?.['count'], after?.['count']])).toEqual([['1', '7']]);
  await reader.run('ROLLBACK');
});

test('200 rows are listed and the rest counted', async () => {
  const many = await tryHandler(async (_, { tx }) => {
    await tx`INSERT INTO stock (item) SELECT 'n' || n FROM generate_series(1, 1234) AS n`;
  });
  expect([many.changes.length, many.moreChanges]).toEqual([200, 1034]);
  const long = await tryHandler(() => Array.from({ length: 1500 }, () => update('stock', { count: 1 }, { item: 'a' })));
  expect([long.outcome, long.statements.length, long.moreStatements]).toEqual(['applied', 1000, 500]);
});

// Seen red with: `FOR SHARE` of the state row in readStandingFailure.
test('a page that holds the projection does not hold up a try, nor a try a page', async () => {
  await using page = openSession({ url: scene.database.url }, 'page');
  await page.run(`BEGIN; SELECT FROM projection_state WHERE name = 'stock' FOR UPDATE NOWAIT`);
  expect((await tryWith(mendedStock)).outcome).toBe('applied');
  await page.run('ROLLBACK');
  const { passed, open } = gate();
  const reached = gate();
  const trying = tryHandler(async (_, { tx }) => {
    await tx`UPDATE stock SET count = 9 WHERE item = 'a'`;
    reached.open();
    await passed;
  });
  await reached.passed;
  await page.run(`BEGIN; UPDATE projection_state SET status = status WHERE name = 'stock'; ROLLBACK`);
  open();
  expect((await trying).outcome).toBe('applied');
});

// Seen red with: watchHolding not called.
test('a dry run yields to a transaction that wants a row that it has written', async () => {
  await using page = openSession({ url: scene.database.url }, 'page');
  const reached = gate();
  const trying = tryHandler(async (_, { tx }) => {
    await tx`UPDATE stock SET count = 9 WHERE item = 'a'`;
    reached.open();
    await new Promise(() => undefined);
  });
  const given = expect(trying).rejects.toMatchObject({
    code: 'TRY_GIVEN_UP',
    message: expect.stringContaining('another transaction waits for a row that it has written'),
  });
  await reached.passed;
  await Promise.all([given, page.run(`BEGIN; UPDATE stock SET count = 1 WHERE item = 'a'; ROLLBACK`)]);
});

test('a dry run whose caller has gone ends, and leaves no session', async () => {
  const reached = gate();
  const ending = new AbortController();
  const never = stockWith(async (_, { tx }) => {
    await tx`UPDATE stock SET count = 9 WHERE item = 'a'`;
    reached.open();
    await new Promise(() => undefined);
  });
  const trying = tryWith(never, ending.signal);
  await reached.passed;
  ending.abort(new Error('enough'));
  await expect(trying).rejects.toThrow('enough');
  await vi.waitFor(
    async () => {
      const rows =
        await scene.sql`SELECT FROM pg_stat_activity WHERE application_name LIKE '%try:%' AND datname = current_database()`;
      expect(rows).toEqual([]);
    },
    { timeout: 10_000, interval: 10 },
  );
});

test('there is nothing to try for a projection without a failed event', async () => {
  await expect(daemon.tryFailed('shop')).rejects.toMatchObject({ code: 'NOTHING_FAILED' });
  await expect(daemon.tryFailed('nobody')).rejects.toMatchObject({ code: 'PROJECTION_UNKNOWN' });
  await expect(daemon.failures('nobody')).rejects.toMatchObject({ code: 'PROJECTION_UNKNOWN' });
});
