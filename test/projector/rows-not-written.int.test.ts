import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { create, type Daemon, defineProjection, type EventShape, upsert } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { writeDifference } from '../../src/projector/fold/write-difference.ts';
import { readCatalog } from '../../src/read-model/catalog.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore, startDaemon, untilStatus } from '../support/engine.ts';

const visits = defineProjection<EventShape>()({
  name: 'visits',
  schema: 'CREATE TABLE IF NOT EXISTS visit (id text PRIMARY KEY, note text);',
  tables: { visit: { key: ['id'] } },
  on: {
    Created: (event) => create('visit', { id: event.aggregateId, note: 'created' }),
    Upserted: (event) => upsert('visit', { id: event.aggregateId, note: 'upserted' }, { conflict: ['id'] }),
    Kept: (event) => create('visit', { id: event.aggregateId, note: 'kept' }, { onConflict: 'keep' }),
  },
});

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [visits]);
  await sql.unsafe(`CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.id LIKE 'left%' THEN RETURN NULL; END IF; RETURN NEW; END $$`);
});
beforeEach(async () => {
  await sql.unsafe(`TRUNCATE events, visit, projection_failures;
    UPDATE projection_state SET cursor = 0, last_event_id = NULL, status = 'running'`);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function append(name: string, ...ids: readonly string[]): Promise<void> {
  await sql`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name)
            SELECT 'Visit', id, 1, ${name} FROM unnest(${[...ids]}::text[]) AS u (id)`;
}

async function start(): Promise<Daemon> {
  return await startDaemon(database, [visits], { retries: 0 });
}

const rows = async () => (await sql<{ id: string }[]>`SELECT id FROM visit ORDER BY id`).map(({ id }) => id);

const TRIGGER = 'CREATE TRIGGER leaving_out BEFORE INSERT ON visit FOR EACH ROW EXECUTE FUNCTION leave_out()';
const RULE = `CREATE RULE leaving_out AS ON INSERT TO visit WHERE NEW.id LIKE 'left%' DO INSTEAD NOTHING`;

describe('a row that the table does not store is a failure of its event, and the cursor stays before it', () => {
  // Seen red with: `changes` left out of pipeline.ts (in order), left out of toSqlOrFail (one round trip).
  test.each([
    { how: 'in order', name: 'Created', before: 30, by: TRIGGER },
    { how: 'in order', name: 'Upserted', before: 30, by: TRIGGER },
    { how: 'in order', name: 'Created', before: 30, by: RULE },
    { how: 'in one round trip', name: 'Created', before: 0, by: TRIGGER },
    { how: 'in one round trip', name: 'Upserted', before: 0, by: TRIGGER },
    { how: 'in one round trip', name: 'Created', before: 0, by: RULE },
  ])('$name $how, left out by $by', async ({ name, before, by }) => {
    await sql.unsafe(by);
    const ids = Array.from({ length: before }, (_, index) => `a${String(index).padStart(3, '0')}`);
    await append(name, ...ids, 'left out');
    await using daemon = await start();
    const { failure } = await untilStatus(daemon, 'visits', ({ state }) => state === 'failed');
    expect(failure?.error).toContain('0 of 1 rows were written by ');
    expect(await rows()).toEqual(ids);
    const [stored] = await sql`SELECT code, statement FROM projection_failures`;
    expect(stored).toMatchObject({
      code: 'ROWS_NOT_WRITTEN',
      statement: expect.stringContaining('INSERT INTO "visit"'),
    });
    await sql.unsafe(by === RULE ? 'DROP RULE leaving_out ON visit' : 'DROP TRIGGER leaving_out ON visit');
  });

  test('a create that keeps an existing row may write nothing', async () => {
    await append('Kept', 'once');
    await sql`INSERT INTO visit VALUES ('once', 'before')`;
    await using daemon = await start();
    await untilStatus(daemon, 'visits', ({ state, lagEvents }) => state === 'live' && String(lagEvents) === '0');
    expect(await rows()).toEqual(['once']);
  });
});

// Seen red with: `changes` left out of write-difference.ts.
test('a folded page that changes fewer rows than it read is rolled back, since another client has written to its table', async () => {
  const table = (await readCatalog(sql, ['visit'])).tables.get('visit');
  if (table === undefined) throw new Error('there is no such table');
  await sql`INSERT INTO visit VALUES ('here', 'old')`;
  const values = (id: string) => ({ values: [id, 'new'], columns: [1] });
  const change = [values('here'), values('gone')];
  const written = sql.begin((tx) => writeDifference(tx, table, { remove: [], change, insert: [] }));
  await expect(written).rejects.toMatchObject({ code: 'ROWS_NOT_WRITTEN', fields: { written: 1, wanted: 2 } });
  expect(await sql`SELECT note FROM visit`).toEqual([{ note: 'old' }]);
});
