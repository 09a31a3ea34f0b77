import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { append } from '../../src/event-store/append.ts';
import { readPage } from '../../src/event-store/read.ts';
import { recordIds } from '../../src/event-store/table-ids.ts';
import { copy, create, defineProjection, remove, type Statement, update, upsert } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { applyPage } from '../../src/projector/apply-page.ts';
import { readCatalog } from '../../src/read-model/catalog.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

/** Tables that leave writes out without an error. Rows of the place 'kept' are those that they leave as they are. */
let statements: readonly (readonly Statement[])[] = [];
const projection = defineProjection<{ name: 'Done'; payload: { nth: number } }>()({
  name: 'thing',
  tables: { thing: { key: ['id'] } },
  on: { Done: ({ payload: { nth } }) => statements[nth] ?? [] },
});

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [projection]);
  await sql.unsafe(`
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF TG_OP <> 'INSERT' AND OLD.place = 'kept' THEN RETURN NULL; END IF;
      IF TG_OP <> 'DELETE' AND NEW.place = 'kept' THEN RETURN NULL; END IF;
      RETURN coalesce(NEW, OLD); END $$`);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(async () => {
  await sql.unsafe(`TRUNCATE events, projection_failures RESTART IDENTITY; DROP TABLE IF EXISTS thing CASCADE;
    UPDATE projection_state SET cursor = 0, status = 'running'`);
});

const TABLE = 'CREATE TABLE thing (id int PRIMARY KEY, place text, size int);';
const ROWS = `INSERT INTO thing VALUES (1, 'here', 1), (2, 'here', 1), (3, 'kept', 1);`;
const TRIGGER =
  'CREATE TRIGGER keeping BEFORE INSERT OR UPDATE OR DELETE ON thing FOR EACH ROW EXECUTE FUNCTION keep();';

const WAYS = [
  ['folded if it may be', { foldFrom: 1, singleRoundTrip: false }],
  ['in order', { foldFrom: 99, singleRoundTrip: false }],
  ['at once', { foldFrom: 99, singleRoundTrip: true }],
] as const;
type Way = (typeof WAYS)[number][1];

/** One event for each statement or list. */
async function apply(way: Way, ...all: readonly (Statement | readonly Statement[])[]) {
  statements = all.map((one) => [one].flat());
  const [{ cursor }] = await sql<[{ cursor: bigint }]>`SELECT cursor FROM projection_state`;
  const to = cursor + BigInt(all.length);
  const events = all.map((_, nth) => ({
    aggregateName: 'a',
    aggregateId: String(cursor),
    sequenceNo: nth,
    name: 'Done',
    payload: { nth },
  }));
  await append(sql, events);
  // As a registration does: the tables of these tests are made anew for each.
  await recordIds(sql, ['thing']);
  const page = await readPage(sql, { after: cursor, head: to, names: null, limit: 100, maxBytes: 1e6 });
  const catalog = await readCatalog(sql, ['thing']);
  const settings = { sql, control: sql, owner: 'test', owners: new Map(), policy: HALT_AT_ONCE, ...way };
  const work = { projection, page, cursor, generation: 0n, replayUntil: 0n, attempt: false, catalog };
  return await applyPage(settings, work);
}

const rows = async () => await sql<{ id: number }[]>`SELECT * FROM thing ORDER BY id`;

const WRITES: readonly (readonly [string, Statement, string])[] = [
  ['an update of one row', update('thing', { size: 2 }, { id: 3 }), '0 of 1'],
  ['an update of several rows', update('thing', { size: 2 }, { size: 1 }), '2 of 3'],
  ['a delete of one row', remove('thing', { id: 3 }), '0 of 1'],
  ['a delete of several rows', remove('thing', { size: 1 }), '2 of 3'],
  [
    'an upsert of a row that is there',
    upsert('thing', { id: 3, place: 'gone', size: 2 }, { conflict: ['id'] }),
    '0 of 1',
  ],
  ['a create', create('thing', { id: 4, place: 'kept', size: 1 }), '0 of 1'],
  [
    'a copy',
    copy('thing', { from: ['id', 'size'], set: { place: 'kept' }, where: { id: 1 }, conflict: ['id'] }),
    '0 of 1',
  ],
];

const TABLES: readonly (readonly [string, string, typeof WRITES])[] = [
  ['a trigger', `${TABLE} ${ROWS} ${TRIGGER}`, WRITES],
  [
    'a trigger of one of its partitions',
    `CREATE TABLE thing (id int PRIMARY KEY, place text, size int) PARTITION BY RANGE (id);
     CREATE TABLE thing_1 PARTITION OF thing FOR VALUES FROM (1) TO (9); ${ROWS} ${TRIGGER.replace('ON thing', 'ON thing_1')}`,
    WRITES,
  ],
  [
    'a trigger of one of its children',
    `${TABLE} INSERT INTO thing VALUES (1, 'here', 1), (2, 'here', 1);
     CREATE TABLE thing_1 () INHERITS (thing); INSERT INTO thing_1 VALUES (3, 'kept', 1); ${TRIGGER.replace('ON thing', 'ON thing_1')}`,
    // What makes rows makes them in the parent.
    WRITES.slice(0, 4),
  ],
];

// Seen red with: `counting` passed over in pipeline.ts (in order); left out of toSqlOrFail (at once); pg_inherits, or the
// triggers, left out of `lossy`.
test.each(TABLES.flatMap(([what, table, writes]) => WAYS.map(([how, way]) => ({ what, how, table, writes, way }))))(
  '$how, a write that $what leaves out fails its event, and nothing of it is kept',
  async ({ table, writes, way }) => {
    await sql.unsafe(table);
    const before = await rows();
    // What makes the handler known, so that the next page may be sent at once.
    expect(await apply(way, update('thing', { size: 1 }, { id: 1 }))).toMatchObject({ kind: 'applied' });
    for (const [, statement, counts] of writes) {
      const outcome = await apply(way, statement);
      expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'ROWS_NOT_WRITTEN' } });
      if (outcome.kind === 'failed') expect(outcome.failure.error).toContain(`${counts} rows were written by `);
      expect(await rows()).toEqual(before);
      await sql.unsafe(`TRUNCATE events, projection_failures RESTART IDENTITY;
        UPDATE projection_state SET cursor = 0, status = 'running'`);
    }
  },
);

const RULES: readonly (readonly [string, string, Statement])[] = [
  ['UPDATE', `WHERE OLD.place = 'kept' DO INSTEAD NOTHING`, update('thing', { size: 2 }, { size: 1 })],
  ['UPDATE', 'DO INSTEAD NOTHING', update('thing', { size: 2 }, { id: 3 })],
  ['DELETE', `WHERE OLD.place = 'kept' DO INSTEAD NOTHING`, remove('thing', { size: 1 })],
  ['DELETE', 'DO INSTEAD NOTHING', remove('thing', { id: 3 })],
  ['DELETE', `DO INSTEAD UPDATE thing SET place = 'gone' WHERE id = OLD.id`, remove('thing', { id: 1 })],
  ['INSERT', 'DO INSTEAD NOTHING', create('thing', { id: 4, place: 'here', size: 1 })],
];

// Seen red with: the rules left out of `lossy`.
test.each(RULES.flatMap(([on, text, statement]) => WAYS.map(([how, way]) => ({ how, on, text, statement, way }))))(
  '$how, a write that a rule leaves out fails its event: ON $on $text',
  async ({ on, text, statement, way }) => {
    await sql.unsafe(`${TABLE} ${ROWS} CREATE RULE keeping AS ON ${on} TO thing ${text}`);
    const before = await rows();
    await apply(way, remove('thing', { id: 99 }));
    expect(await apply(way, statement)).toMatchObject({ kind: 'failed', failure: { code: 'ROWS_NOT_WRITTEN' } });
    expect(await rows()).toEqual(before);
  },
);

test.each(WAYS)(
  '%s, a trigger that takes every row, and a rule that does more, are in nothing’s way',
  async (_, way) => {
    const also =
      'CREATE TABLE log (id int); CREATE RULE noting AS ON DELETE TO thing DO ALSO INSERT INTO log VALUES (OLD.id)';
    await sql.unsafe(`${TABLE} ${ROWS} ${TRIGGER} ${also}`);
    const writes = [
      update('thing', { size: 2 }, { size: 1, place: 'here' }),
      update('thing', { size: 3 }, { id: 99 }),
      remove('thing', { id: 1 }),
      remove('thing', { id: 99 }),
      upsert('thing', { id: 2, place: 'there', size: 4 }, { conflict: ['id'] }),
    ];
    for (const write of writes) expect(await apply(way, write)).toMatchObject({ kind: 'applied' });
    expect(await rows()).toEqual([
      { id: 2, place: 'there', size: 4 },
      { id: 3, place: 'kept', size: 1 },
    ]);
    expect(await sql`SELECT id FROM log`).toEqual([{ id: 1 }]);
    await sql`DROP TABLE log CASCADE`;
  },
);

// Seen red with: `execute()` left out where nothing is counted (the create is sent behind the update).
test.each(WAYS)('%s, what is counted and what is not of one event run in their order', async (_, way) => {
  await sql.unsafe(`${TABLE} ${TRIGGER}`);
  const page = [
    create('thing', { id: 1, place: 'here', size: 1 }),
    update('thing', { size: 2 }, { id: 1 }),
    upsert('thing', { id: 2, place: 'here', size: 1 }, { conflict: ['id'] }),
    remove('thing', { id: 1 }),
    create('thing', { id: 1, place: 'there', size: 3 }),
  ];
  await apply(way, page);
  await sql.unsafe('TRUNCATE thing');
  expect(await apply(way, page)).toMatchObject({ kind: 'applied' });
  expect(await rows()).toEqual([
    { id: 1, place: 'there', size: 3 },
    { id: 2, place: 'here', size: 1 },
  ]);
});

// Seen red with: AFTER triggers taken for BEFORE ones.
test('a table with nothing that may leave a write out is not counted, and one with a BEFORE trigger goes at once still', async () => {
  const [, way] = WAYS[2];
  await sql.unsafe(`${TABLE} ${ROWS} CREATE TRIGGER later AFTER UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION keep()`);
  expect((await readCatalog(sql, ['thing'])).lossy).toEqual(new Set());
  await sql.unsafe(TRIGGER);
  expect((await readCatalog(sql, ['thing'])).lossy).toEqual(new Set(['thing']));
  await apply(way, update('thing', { size: 2 }, { id: 1 }));
  expect(await apply(way, remove('thing', { id: 1 }))).toMatchObject({ kind: 'applied', mode: 'at_once' });
  expect(await rows()).toMatchObject([{ id: 2 }, { id: 3 }]);
});
