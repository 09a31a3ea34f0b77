import { afterAll, beforeAll, expect, test } from 'vitest';
import { append, appendNew } from '../../src/event-store/append.ts';
import type { NewEvent } from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, []);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const event = (aggregateId: string, sequenceNo: number | bigint, more: Partial<NewEvent> = {}): NewEvent => ({
  aggregateName: 'test.Stream',
  aggregateId,
  sequenceNo,
  name: 'Noted',
  payload: {},
  ...more,
});
const stored = async (aggregateId: string) =>
  await sql`SELECT sequence_no FROM events WHERE aggregate_id = ${aggregateId} ORDER BY position`;
const ID = '00000000-0000-4000-8000-000000000007';

// Seen red with: ORDER BY n.place turned to DESC.
test('events are stored in the order given, with what was left out filled in', async () => {
  const appended = await append(sql, [event('order', 3), event('order', 1), event('order', 2)]);
  expect(await stored('order')).toEqual([{ sequence_no: 3n }, { sequence_no: 1n }, { sequence_no: 2n }]);
  expect(new Set(appended.map(({ id }) => id)).size).toBe(3);
  const [row] = await sql`
    SELECT instance_id, metadata, occurred_at > now() - interval '1 minute' AS recent,
           tstamp = floor(extract(epoch FROM occurred_at)) AS seconds
    FROM events WHERE aggregate_id = 'order' LIMIT 1`;
  expect(row).toEqual({ instance_id: '', metadata: {}, recent: true, seconds: true });
  expect(await append(sql, [])).toEqual([]);
});

// Seen red with: UNIQUE (instance_id, …) taken out of 001_events.sql.
test('a sequence number that the stream has is a conflict that names it, and nothing of the batch is stored', async () => {
  await append(sql, [event('taken', 1)]);
  await expect(append(sql, [event('taken', 2), event('other', 1), event('taken', 1)])).rejects.toMatchObject({
    code: 'APPEND_CONFLICT',
    fields: { aggregateName: 'test.Stream', aggregateId: 'taken', sequenceNo: '1' },
  });
  expect(await stored('taken')).toEqual([{ sequence_no: 1n }]);
  expect(await stored('other')).toEqual([]);
  // Another instance's stream is another stream.
  await append(sql, [event('taken', 1, { instanceId: 'tenant' })]);
});

// Seen red with: constraintOf compared with another name.
test('an id that is stored is a duplicate; appendNew skips it and takes the rest', async () => {
  await append(sql, [event('duplicate', 1, { id: ID })]);
  await expect(append(sql, [event('duplicate', 2, { id: ID })])).rejects.toMatchObject({
    code: 'APPEND_DUPLICATE',
    fields: { id: ID },
  });
  expect(await appendNew(sql, [event('duplicate', 1, { id: ID }), event('duplicate', 2)])).toEqual({
    appended: 1,
    skipped: 1,
  });
  await expect(appendNew(sql, [event('duplicate', 2)])).rejects.toMatchObject({ code: 'APPEND_CONFLICT' });
  expect(await appendNew(sql, [])).toEqual({ appended: 0, skipped: 0 });
});

// Seen red with: `!Number.isSafeInteger` left out (BigInt(1.5) throws a RangeError); '22' taken out of toAppendError.
test.each<[string, Partial<Record<keyof NewEvent, unknown>>]>([
  ['an empty name', { name: '' }],
  ['no aggregate name', { aggregateName: undefined }],
  ['a number for an aggregate id', { aggregateId: 7 }],
  ['a negative sequence number', { sequenceNo: -1 }],
  ['half a sequence number', { sequenceNo: 1.5 }],
  ['a sequence number that is no longer exact', { sequenceNo: 2 ** 53 }],
  ['a sequence number that is not a number', { sequenceNo: Number.NaN }],
  ['no sequence number', { sequenceNo: undefined }],
  ['a sequence number beyond bigint', { sequenceNo: 2n ** 63n }],
  ['an id that is no UUID', { id: 'seven' }],
  ['a time that is none', { occurredAt: 'soon' }],
  ['NUL in a name', { name: 'a\u0000b' }],
  ['NUL in the payload', { payload: { text: 'a\u0000b' } }],
  ['half a surrogate pair in the payload', { payload: { text: '\ud800' } }],
])('%s is refused as APPEND_INVALID, and nothing of the batch is stored', async (_what, part) => {
  const bad = { ...event('invalid', 1), ...part } as NewEvent;
  await expect(append(sql, [event('before-invalid', 1), bad])).rejects.toMatchObject({ code: 'APPEND_INVALID' });
  expect(await stored('before-invalid')).toEqual([]);
});

test('an error of the connection is passed on as it is', async () => {
  const nowhere = connect({ address: { url: 'postgres://127.0.0.1:1/x' }, applicationName: 'test', max: 1 });
  await expect(append(nowhere, [event('nowhere', 1)])).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await nowhere.end();
});

// Seen red with: UNIQUE (instance_id, …) taken out of 001_events.sql.
test('of forty concurrent appends to one stream exactly one wins each sequence number', async () => {
  const wins = new Map<number, number>();
  for (const sequenceNo of [1, 2, 3]) {
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, writer) => append(sql, [event('contended', sequenceNo, { payload: { writer } })])),
    );
    wins.set(sequenceNo, results.filter(({ status }) => status === 'fulfilled').length);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'APPEND_CONFLICT' });
    }
  }
  expect([...wins]).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  expect(await stored('contended')).toHaveLength(3);
});
