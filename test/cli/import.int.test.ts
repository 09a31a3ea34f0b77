import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { importEvents } from '../../src/cli/import-events.ts';
import { appendNew } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore } from '../support/engine.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, []);
});
beforeEach(() => emptyStore(sql, []));
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const ID = '00000000-0000-4000-8000-000000000001';
const line = (sequenceNo: number, changes: Record<string, unknown> = {}) =>
  JSON.stringify({
    aggregateName: 'test.Stream',
    aggregateId: 'a',
    sequenceNo,
    name: 'Noted',
    occurredAt: '2026-03-01T19:00:00.123456Z',
    payload: { n: sequenceNo, nested: { a: 1, b: [1, 2] } },
    ...changes,
  });

function importing(lines: readonly string[], batchSize = 500) {
  const source = (async function* () {
    yield Buffer.from(lines.join('\n'));
  })();
  const appendBatch = (events: Parameters<typeof appendNew>[1]) => appendNew(sql, events);
  return importEvents({ source, appendBatch, signal: new AbortController().signal, batchSize });
}

async function stored(): Promise<readonly string[]> {
  return (await sql<{ name: string }[]>`SELECT name || sequence_no AS name FROM events ORDER BY position`).map(
    ({ name }) => name,
  );
}

// Seen red with: `refuseOthers` left out (the second line was skipped, so its event was lost).
test.each([
  ['another payload', { payload: { n: 3 } }, 'payload'],
  ['another name', { name: 'Forgotten' }, 'name'],
  ['another time', { occurredAt: '2026-03-01T19:00:00.123457Z' }, 'occurredAt'],
  ['other metadata', { metadata: { by: 'me' } }, 'metadata'],
  ['everything else', { name: 'Forgotten', payload: null, metadata: { by: 'me' } }, 'name, payload, metadata'],
])(
  'a line without id whose stream and number the store has with %s is an error with the number of the line',
  async (_, changes, what) => {
    await importing([line(1), line(2), line(3)]);
    for (const batchSize of [1, 2, 500]) {
      const again = importing([line(1), line(2), line(3, changes), line(4)], batchSize);
      await expect(again).rejects.toMatchObject({ code: 'IMPORT_LINE', fields: { line: 3, taken: 2 } });
      await expect(again).rejects.toThrow(` is stored already with another ${what}: `);
      expect(await stored()).toEqual(['Noted1', 'Noted2', 'Noted3']);
    }
  },
);

test.each([1, 2, 500])(
  'of two lines without id and with one stream and number the second is an error (batches of %i)',
  async (batchSize) => {
    const other = line(2, { payload: 'other' });
    const lines = [line(1), line(2), line(2), other, line(2), line(3)];
    await expect(importing(lines, batchSize)).rejects.toMatchObject({ fields: { line: 4, taken: 3 } });
    expect(await stored()).toEqual(['Noted1', 'Noted2']);
  },
);

test('an id that the store has for another stream or number is an error with the number of the line', async () => {
  await importing([line(1, { id: ID })]);
  await expect(importing([line(2), line(3, { id: ID })])).rejects.toThrow(
    /^line 2: event [0-9-]+1 \('Noted'\) is stored already with another stream or number, payload: /,
  );
  expect(await stored()).toEqual(['Noted1', 'Noted2']);
});

test('a repeat is skipped in any notation: spaces, order of keys, another zone, 1.0 for 1', async () => {
  await importing([line(1, { id: ID }), line(2)]);
  const rewritten = `{ "id": "${ID.toUpperCase()}", "payload": {"nested":{"b":[1,2.0],"a":1e0}, "n":1}, "metadata": {}, "instanceId": "",
    "occurredAt": "2026-03-01 20:00:00.123456+01", "name": "Noted", "sequenceNo": "1", "aggregateId": "a", "aggregateName": "test.Stream" }`;
  expect(await importing([rewritten.replaceAll('\n', ' '), line(2)])).toEqual({ appended: 0, skipped: 2 });
});

test('two imports of one file at the same time store each event once', async () => {
  const lines = Array.from({ length: 40 }, (_, index) => line(index + 1));
  const sums = await Promise.all([importing(lines, 7), importing(lines, 7)]);
  expect(sums.map(({ appended, skipped }) => appended + skipped)).toEqual([40, 40]);
  expect(sums.reduce((sum, { appended }) => sum + appended, 0)).toBe(40);
});
