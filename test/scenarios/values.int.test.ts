import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type ColumnValue,
  create,
  createDaemon,
  type Daemon,
  defineProjection,
  EngineError,
  type Projection,
  type StoredEvent,
} from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

interface Noted {
  readonly name: 'Noted';
  readonly payload: Readonly<Record<string, ColumnValue>>;
}

/** Writes the values of the payload into columns of many types. */
const values = defineProjection<Noted>()({
  name: 'kept',
  schema: `CREATE TABLE IF NOT EXISTS kept (
    position bigint PRIMARY KEY, at timestamptz, small bigint, big numeric, text text, flag boolean,
    tree jsonb, list jsonb, numbers bigint[], flags boolean[], texts text[])`,
  tables: { kept: { key: ['position'] } },
  on: {
    Noted: ({ position, occurredAt, payload }) => create('kept', { position, at: occurredAt, ...payload }),
  },
});

let scene: Scene;
let daemon: Daemon;
let sequenceNo = 0;

beforeAll(async () => {
  scene = await openScene([values]);
  daemon = await scene.start({ retries: 0 });
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

/** The row that an event with this payload creates, without its NULL columns. */
async function keep(payload: Noted['payload'], occurredAt = '2026-03-01T19:00:00.123456Z') {
  sequenceNo += 1;
  const [appended] = await scene.append(...noted('a', sequenceNo, 1, { payload, occurredAt }));
  await untilCaughtUp(daemon, scene.sql);
  const [row] = await scene.sql`
    SELECT at::text, small, big::text, text, flag, tree::text, list::text, numbers::text, flags::text, texts::text
    FROM kept WHERE position = ${String(appended?.position)}`;
  return Object.fromEntries(Object.entries(row ?? {}).filter(([, value]) => value !== null));
}

const at = '2026-03-01 19:00:00.123456+00';

// Seen red with: JSON.parse for parseJson; a bigint declared as int8 (numeric and arrays); boolean's own serializer.
test.each<[string, Noted['payload'], object]>([
  ['an integer beyond 2^53', { small: 9007199254740993n }, { at, small: 9007199254740993n }],
  ['the greatest bigint', { small: 9223372036854775807n }, { at, small: 9223372036854775807n }],
  ['an integer beyond 2^63', { big: 2n ** 80n }, { at, big: String(2n ** 80n) }],
  ['a big integer in a text', { text: 9007199254740993n }, { at, text: '9007199254740993' }],
  [
    'a tree with big integers',
    { tree: { a: { b: [9007199254740993n] } } },
    { at, tree: '{"a": {"b": [9007199254740993]}}' },
  ],
  ['a list with big integers for jsonb', { list: [9007199254740993n, 1] }, { at, list: '[9007199254740993, 1]' }],
  ['an array of big integers', { numbers: [9007199254740993n, 1] }, { at, numbers: '{9007199254740993,1}' }],
  ['an array of booleans', { flags: [true, false] }, { at, flags: '{t,f}' }],
  [
    'an array of odd texts',
    { texts: ['a"b', 'c\\d', 'e,{}', 'NULL', ''] },
    { at, texts: '{"a\\"b","c\\\\d","e,{}","NULL",""}' },
  ],
  ['a boolean', { flag: true }, { at, flag: true }],
  ['a boolean as PostgreSQL’s text', { flag: 'true' }, { at, flag: true }],
  ['unicode', { text: 'Sälen 💃🏽 \u202e日本 \u0007' }, { at, text: 'Sälen 💃🏽 \u202e日本 \u0007' }],
  [
    'a text that looks like the mark of a big integer',
    { text: '00000000-0000-4000-8000-000000000000:9007199254740993' },
    { at, text: '00000000-0000-4000-8000-000000000000:9007199254740993' },
  ],
])('%s of a payload reaches the row exactly', async (_what, payload, expected) => {
  expect(await keep(payload)).toEqual(expected);
});

// Seen red with: boolean's own serializer, which writes false for whatever is not true; `haltedBefore` taken out of
// toStatus (a status read while the failure was being recorded named no event).
test('a value that is no boolean is refused, not written as false', async () => {
  await using other = await openScene([values]);
  await other.append(...noted('a', 1, 1, { payload: { flag: 'maybe' } }));
  const refusing = await other.start({ retries: 0 });
  expect(await untilStatus(refusing, 'kept', ({ failure }) => failure !== null)).toMatchObject({
    failure: { sqlstate: '22P02', error: 'invalid input syntax for type boolean: "maybe"' },
  });
});

// Seen red with: occurredAt through a Date.
test.each([
  ['2026-03-01T19:00:00.000001Z', '2026-03-01 19:00:00.000001+00'],
  ['1969-12-31T23:59:59.999999Z', '1969-12-31 23:59:59.999999+00'],
  ['0044-03-15T12:00:00Z BC', '0044-03-15 12:00:00+00 BC'],
  ['2026-03-01T19:00:00.5+02:00', '2026-03-01 17:00:00.5+00'],
])('the microseconds of %s reach the row', async (occurredAt, expected) => {
  expect(await keep({}, occurredAt)).toEqual({ at: expected });
});

// Seen red with: metadata left unfrozen in read.ts.
test('handlers see positions and sequence numbers as bigint, and everything frozen', async () => {
  const seen: StoredEvent[] = [];
  const { projection } = createLedger({
    handle: (event, row) => {
      seen.push(event);
      return row;
    },
  });
  await using other = await openScene([projection]);
  await other.append(...noted('a', 1, 1, { metadata: { by: { whom: 'anna' } } }));
  await untilCaughtUp(await other.start(), other.sql);
  const [event] = seen;
  expect(event).toMatchObject({ position: 1n, sequenceNo: 1n, instanceId: '', metadata: { by: { whom: 'anna' } } });
  for (const part of [event, event?.payload, event?.metadata, event?.metadata['by']])
    expect(Object.isFrozen(part)).toBe(true);
});

// Seen red with: BigInt(Number(…)) around the position in toEvent, and around `to` in applySlice (a page cut at an event
// that failed), each alone.
test('positions beyond 2^53 are exact, in rows, cursor, status and failure', async () => {
  const { projection } = createLedger({
    handle: (event, row) => {
      if (event.payload.text === 'a4') throw new Error('not a4');
      return row;
    },
  });
  await using far = await openScene([projection]);
  await far.sql`SELECT setval('events_position_seq', 9007199254740992)`;
  await far.append(...noted('a', 1, 4));
  const daemon = await far.start({ retries: 0 });
  const status = await untilStatus(daemon, 'ledger', ({ state, failure }) => state === 'failed' && failure !== null);
  expect(status).toMatchObject({
    cursor: '9007199254740995',
    head: '9007199254740996',
    lagEvents: 1,
    failure: { position: '9007199254740996' },
  });
  expect(await far.sql`SELECT position FROM ledger ORDER BY position`).toEqual([
    { position: 9007199254740993n },
    { position: 9007199254740994n },
    { position: 9007199254740995n },
  ]);
  expect(await far.row('ledger')).toMatchObject({ cursor: 9007199254740995n });
});

const one = createLedger({ name: 'one' }).projection;

/** The code and text of the error with which a daemon of these projections cannot be created or started. */
async function refusal(projections: readonly Projection[]) {
  await using database = await createTestDatabase();
  try {
    await using daemon = createDaemon({ projections, database: { url: database.url } });
    await daemon.start();
  } catch (error) {
    if (error instanceof EngineError) return { code: error.code, message: error.message };
    throw error;
  }
  return null;
}

// Seen red with: each of the checks taken out in turn (tableOwners, checkTables).
test('projections that cannot run together are refused before anything runs, with what to do about it (D8)', async () => {
  expect(await refusal([one, { ...createLedger({ name: 'two' }).projection, tables: one.tables }])).toEqual({
    code: 'TABLE_SHARED',
    message:
      "table 'one' of 'two' belongs to 'one' too (as 'one'): give each projection tables of its own, or forget the projection that is no longer declared",
  });
  expect(await refusal([one, one])).toEqual({
    code: 'PROJECTION_INVALID',
    message: "projection 'one': another one has the same name",
  });
  expect(await refusal([{ ...one, schema: '' }])).toEqual({
    code: 'TABLE_MISSING',
    message: "projection 'one' needs table 'one', which does not exist: run `projectionist migrate`",
  });
  expect(await refusal([one])).toBeNull();
});

// Seen red with: the checks of columns, of tables.size and of a whole version taken out of defineProjection, one by one.
test.each<[string, object, string]>([
  ['a name in capitals', { name: 'Band' }, 'IDENTIFIER_INVALID'],
  ['a name of 64 letters', { name: 'x'.repeat(64) }, 'IDENTIFIER_INVALID'],
  ['a table with a quote', { tables: { 'a"b': { key: ['id'] } } }, 'IDENTIFIER_INVALID'],
  ['a key column with a space', { tables: { band: { key: ['id x'] } } }, 'IDENTIFIER_INVALID'],
  ['a unique column with a semicolon', { tables: { band: { key: ['id'], unique: [['a;']] } } }, 'IDENTIFIER_INVALID'],
  ['no tables', { tables: {} }, 'PROJECTION_INVALID'],
  ['a table without a key', { tables: { band: { key: [] } } }, 'PROJECTION_INVALID'],
  ['no handlers', { on: {} }, 'PROJECTION_INVALID'],
  ['a handler that is no function', { on: { Noted: 'insert' } }, 'PROJECTION_INVALID'],
  ['version 0', { version: 0 }, 'PROJECTION_INVALID'],
  ['half a version', { version: 1.5 }, 'PROJECTION_INVALID'],
])('%s is refused when the projection is defined', (_what, part, code) => {
  const good = { name: 'band', tables: { band: { key: ['id'] } }, on: { Noted: () => [] } };
  expect(() => defineProjection<Noted>()(good)).not.toThrow();
  expect(() => defineProjection<Noted>()({ ...good, ...part } as never)).toThrow(expect.objectContaining({ code }));
});
