import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHighWaterMarkReader, type HighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { readHeartbeat } from '../../src/state/heartbeat.ts';
import { createAppenderRole } from '../support/appenders.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type Session } from '../support/session.ts';

let database: TestDatabase;
let sql: Sql;
let control: Sql;
let head: HighWaterMarkReader;
let streams = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const address = { url: database.url };
  sql = connect({ address, applicationName: 'test', max: 4 });
  control = connect({ address, applicationName: 'head', max: 1 });
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  head = createHighWaterMarkReader(control);
});
afterAll(async () => {
  await control.end();
  await sql.end();
  await database.drop();
});

const session = (): Session => {
  streams += 1;
  return openSession(database, `stream-${streams}`);
};

/** Announcements that this session holds. */
async function locksOf(one: Session): Promise<number> {
  const [row] = await sql<[{ held: number }]>`
    SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND pid = ${await one.pid()}`;
  return row.held;
}

// Seen red with: the condition of projectionist_announce replaced by true.
test('a transaction announces once, however many statements it appends with', async () => {
  await using one = session();
  await using other = session();
  await one.run('BEGIN');
  for (let round = 0; round < 3; round += 1) {
    await one.insert(2);
    await other.insert();
  }
  expect(await locksOf(one)).toBe(1);
  await one.run('COMMIT');
  expect(await locksOf(one)).toBe(0);
});

// Seen red with: pg_advisory_lock_shared, a lock of the session.
test('a rollback to a savepoint takes the announcement back, and the next insert makes it again', async () => {
  await using one = session();
  await one.run('BEGIN');
  await one.run('SAVEPOINT before');
  await one.insert();
  expect(await locksOf(one)).toBe(1);
  await one.run('ROLLBACK TO before');
  expect(await locksOf(one)).toBe(0);
  await one.insert();
  expect(await locksOf(one)).toBe(1);
  await one.run('ROLLBACK');
});

test('a savepoint that is released leaves the announcement with the transaction', async () => {
  await using one = session();
  await one.run('BEGIN; SAVEPOINT inner_one');
  await one.insert();
  await one.run('RELEASE inner_one');
  await one.insert();
  expect(await locksOf(one)).toBe(1);
  await one.run('COMMIT');
});

// Seen red with: the setting compared with '' in place of the transaction's id.
test('a setting left over in the session cannot switch the announcement off', async () => {
  await using one = session();
  for (const left of ["'on'", "''", 'pg_current_xact_id()::text']) {
    await one.run(`SELECT set_config('projectionist.announced_' || 'events'::regclass::oid, ${left}, false)`);
    await one.run('BEGIN');
    await one.insert();
    expect(await locksOf(one), left).toBe(1);
    await one.run('COMMIT');
  }
});

// Seen red with: the setting named for the transaction alone (the second store then has no lock, and its mark is 2).
test('a transaction that appends to two stores announces in each of them, in any order', async () => {
  const other = connect({ address: { url: database.url }, schema: 'other', applicationName: 'other', max: 2 });
  await migrate(other, { schema: 'other', notify: true, projections: [] });
  const events = createHighWaterMarkReader(other);
  const append = (schema: string, stream: string) =>
    `INSERT INTO ${schema}.events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('X', '${stream}', 1, 'Hit')`;
  await using one = session();
  await one.run('BEGIN');
  for (const [index, schema] of ['public', 'other', 'public'].entries()) await one.run(append(schema, `two ${index}`));
  expect(await locksOf(one)).toBe(2);
  await other.unsafe(append('other', 'late'));
  expect((await events.read()).position).toBe(0n);
  await one.run('COMMIT');
  expect((await events.read()).position).toBe(2n);
  await other.end();
});

// Seen red with: ENABLE ALWAYS TRIGGER projectionist_announce removed.
test('a session that replicates (session_replication_role = replica) announces too', async () => {
  await using one = session();
  await one.run('SET session_replication_role = replica');
  await one.run('BEGIN');
  await one.insert();
  expect(await locksOf(one)).toBe(1);
  await one.run('COMMIT');
});

// Seen red with: SECURITY DEFINER removed from projectionist_announce.
test('a role with INSERT on events and nothing else appends and announces, and cannot read the sequence', async () => {
  await using one = session();
  const role = await createAppenderRole(sql);
  const lastAllocated = (await readHeartbeat(control)).lastAllocated;
  await one.run(`SET ROLE ${role}`);
  await one.run('BEGIN');
  await one.insert();
  // A role that may not read the sequence would announce 0, and hold every reader at the first event.
  const [lock] = await sql<[{ low: bigint }]>`
    SELECT objid::bigint AS low FROM pg_locks WHERE locktype = 'advisory' AND pid = ${await one.pid()}`;
  expect(lock).toEqual({ low: lastAllocated });
  await one.run('COMMIT');
  await expect(one.run('SELECT last_value FROM events_position_seq')).rejects.toMatchObject({ code: '42501' });
  await expect(one.run('SELECT * FROM events')).rejects.toMatchObject({ code: '42501' });
});

const ROW =
  "aggregate_name, aggregate_id, sequence_no, name) VALUES ('Stream', gen_random_uuid()::text, 1, 'Appended')";

test.each([
  ['two inserts in one WITH', `WITH a AS (INSERT INTO events (${ROW} RETURNING 1) INSERT INTO events (${ROW}`],
  ['an upsert', `INSERT INTO events (${ROW} ON CONFLICT DO NOTHING`],
  ['an insert through a view', `INSERT INTO events_view (${ROW}`],
  ['a MERGE', `MERGE INTO events USING (SELECT 1) AS one ON false WHEN NOT MATCHED THEN INSERT (${ROW}`],
  ['a function', 'SELECT append_one()'],
])('%s announces before it draws', async (_, statement) => {
  await sql.unsafe(`
    CREATE OR REPLACE VIEW events_view AS SELECT * FROM events;
    CREATE OR REPLACE FUNCTION append_one() RETURNS void LANGUAGE sql AS $$ INSERT INTO events (${ROW} $$`);
  await using one = session();
  const lastAllocated = (await readHeartbeat(control)).lastAllocated;
  await one.run('BEGIN');
  await one.run(statement);
  const [lock] = await sql<[{ low: bigint }]>`
    SELECT objid::bigint AS low FROM pg_locks WHERE locktype = 'advisory' AND pid = ${await one.pid()}`;
  expect(lock).toEqual({ low: lastAllocated });
  expect((await readHeartbeat(control)).lastAllocated).toBeGreaterThan(lastAllocated);
  await one.run('ROLLBACK');
});

test('COPY announces too', async () => {
  const copied = database.sql.begin(async (tx) => {
    const stream = await tx`COPY events (aggregate_name, aggregate_id, sequence_no, name) FROM STDIN`.writable();
    await new Promise((resolve, reject) => {
      stream.on('finish', resolve).on('error', reject);
      stream.end('Stream\tcopied\t1\tAppended\nStream\tcopied\t2\tAppended\n');
    });
    const [row] = await tx<[{ held: number }]>`
      SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`;
    return row.held;
  });
  expect(await copied).toBe(1);
});

// Seen red with: the condition of projectionist_notify replaced by true.
test('appends send at most one NOTIFY per 5 ms', async () => {
  await using one = session();
  let received = 0;
  let over = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  let listening = { unlisten: () => Promise.resolve() };
  await new Promise<void>((resolve) => {
    listening = sql.listen(
      'projectionist:public',
      (payload) => {
        if (payload === 'end') over();
        else received += 1;
      },
      resolve,
    );
  });
  await one.run(`
    CREATE TABLE slots (first bigint, last bigint);
    INSERT INTO slots (first) VALUES (floor(extract(epoch FROM clock_timestamp()) * 200))`);
  await one.run(`DO $$ BEGIN FOR n IN 1..300 LOOP INSERT INTO events (${ROW}; COMMIT; END LOOP; END $$`);
  await one.run(`UPDATE slots SET last = floor(extract(epoch FROM clock_timestamp()) * 200)`);
  await one.run(`NOTIFY "projectionist:public", 'end'`);
  await ended;
  await listening.unlisten();
  const [slots] = await sql<[{ touched: number }]>`SELECT (last - first + 1)::int AS touched FROM slots`;
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThanOrEqual(slots.touched);
  expect(received).toBeLessThan(300);
});

// Seen red with: `l.pid IS NOT NULL` in readAnnouncements.
test('A7: a prepared transaction, possible without NOTIFY, holds the high-water mark with no pid until it is committed', async () => {
  await using one = session();
  await using other = session();
  await one.insert();
  const before = (await head.read()).position;
  // An append sends no NOTIFY where another one has sent it in the same 5 ms: this one has to send it.
  await sql`SELECT setval('projectionist_hint', 1)`;
  await one.run('BEGIN');
  await one.insert();
  await expect(one.run("PREPARE TRANSACTION 'with notify'")).rejects.toMatchObject({ code: '0A000' });

  await migrate(sql, { schema: 'public', notify: false, projections: [] });
  await one.run('BEGIN');
  await one.insert();
  await one.run("PREPARE TRANSACTION 'left behind'");
  await other.insert();
  expect(await head.read()).toMatchObject({ position: before, holders: [{ pid: null, seconds: null }] });
  await one.run("COMMIT PREPARED 'left behind'");
  expect(await head.read()).toMatchObject({ position: (await readHeartbeat(control)).lastAllocated, holders: [] });
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
});

// Seen red with: `head: bound` as the result of nextHighWaterMark.
test('the high-water mark does not fall when a bound below it is announced late', async () => {
  await using one = session();
  await one.insert(3);
  const { position } = await head.read();
  await one.run('BEGIN');
  await one.run(`SELECT pg_advisory_xact_lock_shared('events_position_seq'::regclass::oid::int, ${position - 2n})`);
  expect(await head.read()).toMatchObject({ position, holders: [{ pid: await one.pid() }] });
  await one.run('ROLLBACK');
});

// Seen red with: the comparison of lastAllocated with previous.lastAllocated removed from createHighWaterMarkReader.
test('positions that were taken back end what the reader knew: it does not pass an appender that draws them again', async () => {
  await using one = session();
  await using other = session();
  await one.insert(4);
  const { position } = await head.read();
  const epoch = head.epoch();
  await sql`DELETE FROM events WHERE position > ${position - 4n}`;
  await sql`SELECT setval('events_position_seq', ${position - 4n})`;
  await one.run('BEGIN');
  await one.insert();
  await other.insert();
  expect((await head.read()).position).toBeLessThanOrEqual(position - 4n);
  expect(head.epoch()).toBeGreaterThan(epoch);
  await one.run('COMMIT');
  expect((await head.read()).position).toBe(position - 2n);
});
