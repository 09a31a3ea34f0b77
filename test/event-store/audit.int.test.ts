import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHighWaterMarkReader, type HighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import { type Auditor, createAuditor, fullXid } from '../../src/event-store/late-arrivals.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { register } from '../../src/state/register.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ledger } from '../support/ledger.ts';
import { openSession, type Session } from '../support/session.ts';

let database: TestDatabase;
let sql: Sql;
let control: Sql;
let head: HighWaterMarkReader;
let auditor: Auditor;
let writer: Session;

beforeEach(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 4 });
  control = connect({ address: { url: database.url }, applicationName: 'head', max: 1 });
  await migrate(sql, { schema: 'public', notify: true, projections: [ledger] });
  await register(sql, [ledger]);
  head = createHighWaterMarkReader(control);
  auditor = createAuditor(sql);
  writer = openSession(database, 'writer');
});
afterEach(async () => {
  await writer[Symbol.asyncDispose]();
  await control.end();
  await sql.end();
  await database.drop();
});

const poll = async () => await auditor.poll((await head.read()).position);
const insertAt = (session: Session, position: bigint) =>
  session.run(`INSERT INTO events (position, aggregate_name, aggregate_id, sequence_no, name)
    OVERRIDING SYSTEM VALUE VALUES (${position}, 'Late', 'late', ${position}, 'Appended')`);

async function cursorAt(position: bigint): Promise<void> {
  await sql`UPDATE projection_state SET cursor = ${position} WHERE name = 'ledger'`;
}
async function alarmOf(): Promise<string | null> {
  const [row] = await sql<[{ alarm: string | null }]>`SELECT alarm FROM projection_state WHERE name = 'ledger'`;
  return row.alarm;
}

test('A3: appends that overlap, roll back and commit out of order are never late', async () => {
  await using other = openSession(database, 'other');
  for (let round = 0; round < 4; round += 1) {
    await writer.run('BEGIN; CREATE TABLE IF NOT EXISTS unrelated (); SAVEPOINT inside');
    await writer.insert();
    await other.insert(2);
    expect(await poll()).toEqual([]);
    await writer.run('RELEASE inside; COMMIT');
    expect(await poll()).toEqual([]);
    await writer.run('BEGIN');
    await writer.insert();
    await writer.run('ROLLBACK');
  }
  expect(await poll()).toEqual([]);
});

// Seen red with: `NOT` removed from findLate; alarm() not called; `reported` left empty.
test('A10: an event at a position that was allocated before its INSERT is reported once, and alarms the projections that had passed it', async () => {
  await writer.insert(2);
  const [early] = await sql<[{ position: bigint }]>`SELECT nextval('events_position_seq') AS position`;
  await writer.insert(3);
  expect(await poll()).toEqual([]);
  await cursorAt(6n);
  await insertAt(writer, early.position);
  expect(await poll()).toEqual([
    { position: 3n, id: expect.any(String), name: 'Appended', head: 6n, kind: 'appeared' },
  ]);
  expect(await alarmOf()).toMatch(
    /^needs a reset: event \S+ \(Appended\) appeared at position 3 after the head had reached 6$/,
  );
  expect(await poll()).toEqual([]);
});

// Seen red with: `s.cursor >=` removed; the comparison of generations removed.
test('A10: a projection that had not come that far, or was reset since, gets no alarm', async () => {
  await writer.insert(2);
  await sql`SELECT nextval('events_position_seq')`;
  await writer.insert(3);
  await poll();
  await cursorAt(2n);
  await insertAt(writer, 3n);
  expect(await poll()).toHaveLength(1);
  expect(await alarmOf()).toBeNull();

  // Another daemon finds the same event after a reset has replayed it in its place.
  const second = createAuditor(sql);
  await sql`DELETE FROM events WHERE position = 3`;
  await second.poll((await head.read()).position);
  await insertAt(writer, 3n);
  await sql`UPDATE projection_state SET cursor = 6, generation = generation + 1 WHERE name = 'ledger'`;
  expect(await second.poll((await head.read()).position)).toHaveLength(1);
  expect(await alarmOf()).toBeNull();
});

// Seen red with: REMEMBERED = 1.
test('A10: a transaction that was open over several looks is late for the first head that passed it', async () => {
  await writer.insert(2);
  await sql`SELECT nextval('events_position_seq')`;
  await writer.insert();
  await using slow = openSession(database, 'slow');
  await slow.run('BEGIN');
  await slow.run('SELECT pg_current_xact_id()');
  await poll();
  await writer.insert();
  await poll();
  await insertAt(slow, 3n);
  expect(await poll()).toEqual([]);
  await slow.run('COMMIT');
  expect(await poll()).toMatchObject([{ position: 3n, head: 4n }]);
});

// Seen red with: `present` left out of findLate (`kind` was appeared, and every projection got an alarm).
test('A16: an event that is moved below the mark is late, one that is masked in place raises no alarm, one archived is not reported', async () => {
  await writer.insert(3);
  await sql`SELECT nextval('events_position_seq')`;
  await writer.insert(3);
  await poll();
  await cursorAt(7n);
  await sql`DELETE FROM events WHERE position = 1`;
  expect(await poll()).toEqual([]);
  await sql`ALTER TABLE events ALTER position SET GENERATED BY DEFAULT`;
  await sql`UPDATE events SET position = 4 WHERE position = 2`;
  expect(await poll()).toMatchObject([{ position: 4n, kind: 'appeared' }]);
  expect(await alarmOf()).toContain('position 4');
  await sql`UPDATE projection_state SET alarm = NULL`;
  await sql`UPDATE events SET payload = '{"masked": true}' WHERE position = 5`;
  expect(await poll()).toMatchObject([{ position: 5n, kind: 'changed' }]);
  expect(await poll()).toEqual([]);
  expect(await alarmOf()).toBeNull();
});

test('after a loss nothing from before is compared', async () => {
  await writer.insert(3);
  await poll();
  auditor.forget();
  await sql`UPDATE events SET payload = '{"other": true}'`;
  expect(await poll()).toEqual([]);
});

// Seen red with: `>=` in place of `>` in fullXid.
test('the 32 bits of xmin are read in the epoch of the next transaction id, or in the one before', async () => {
  const epoch = 2n ** 32n;
  const cases: readonly (readonly [low: bigint, next: bigint, full: bigint])[] = [
    [700n, 900n, 700n],
    [100n, 5n * epoch + 100n, 5n * epoch + 100n],
    [99n, 5n * epoch + 100n, 5n * epoch + 99n],
    [101n, 5n * epoch + 100n, 4n * epoch + 101n],
    [epoch - 1n, epoch + 3n, epoch - 1n],
    [3n, epoch + 3n, epoch + 3n],
  ];
  for (const [low, next, full] of cases) {
    const [row] = await sql<[{ id: bigint }]>`SELECT ${fullXid(sql, sql`${low}::bigint`, sql`${next}::bigint`)} AS id`;
    expect(row.id, `xmin ${low}, next ${next}`).toBe(full);
  }
});
