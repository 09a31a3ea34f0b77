import { expect, test, vi } from 'vitest';
import { createHighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { channelOf } from '../../src/feed/notify.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase } from '../support/database.ts';
import { startDaemon, untilCaughtUp } from '../support/engine.ts';
import { ledger } from '../support/ledger.ts';

const INSERT = `INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name)
  VALUES ('domain.Test', gen_random_uuid()::text, 1, 'Appended')`;

const open = (url: string, schema = 'public', max = 2): Sql =>
  connect({ address: { url }, schema, applicationName: 'test', max });

/** What an append announces: the sequence by its oid, and its last value. */
async function announced(sql: Sql): Promise<unknown> {
  return await sql.begin(async (tx) => {
    await tx.unsafe(INSERT);
    const [row] = await tx`
      SELECT classid = pg_get_serial_sequence('events', 'position')::regclass::oid AS sequence, count(*) OVER () AS held
      FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`;
    return row;
  });
}

// Seen red with: the functions of 001 in place of those of 005 (`schema "public" does not exist` for every append).
test('a schema that is renamed is appended to, announced, and projected from under its new name', async () => {
  await using database = await createTestDatabase();
  const before = open(database.url);
  await migrate(before, { schema: 'public', notify: true, projections: [ledger] });
  await before.unsafe(INSERT);
  await before.unsafe('ALTER SCHEMA public RENAME TO moved');
  await before.end();
  const sql = open(database.url, 'moved');
  expect(await announced(sql)).toEqual({ sequence: true, held: 1n });
  let received = 0;
  const { unlisten } = await new Promise<{ unlisten: () => Promise<void> }>((resolve) => {
    const listening = sql.listen(
      'projectionist:moved',
      () => {
        received += 1;
      },
      () => resolve(listening),
    );
  });
  await sql.unsafe(INSERT);
  await vi.waitFor(() => expect(received).toBeGreaterThan(0), { timeout: 10_000, interval: 5 });
  await unlisten();
  await using daemon = await startDaemon(database, [ledger], { schema: 'moved' });
  await sql.unsafe(INSERT);
  await untilCaughtUp(daemon, sql);
  expect(await sql`SELECT FROM ledger`).toHaveLength(4);
  await sql.end();
});

// Seen red with: the functions of 001 in place of those of 005 (`relation "public.events_position_seq" does not exist`).
test('a sequence that is renamed, and a table, are announced all the same; without the one of the hints appends go on', async () => {
  await using database = await createTestDatabase();
  const sql = open(database.url);
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  await sql.unsafe(
    'ALTER SEQUENCE events_position_seq RENAME TO "Odd; name"; ALTER SEQUENCE projectionist_hint RENAME TO gone',
  );
  expect(await announced(sql)).toEqual({ sequence: true, held: 1n });
  const control = open(database.url, 'public', 1);
  expect(await createHighWaterMarkReader(control).read()).toMatchObject({ position: 1n });
  await sql.unsafe('ALTER TABLE events RENAME TO others; ALTER TABLE others RENAME TO events');
  expect(await announced(sql)).toEqual({ sequence: true, held: 1n });
  // The next migration makes the sequence of the hints anew.
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  expect(await sql`SELECT to_regclass('projectionist_hint') IS NOT NULL AS there`).toEqual([{ there: true }]);
  await control.end();
  await sql.end();
});

// Seen red with: the comparison with TG_RELID left out of projectionist_announce.
test('a trigger that a restore brought from another database, with oids of there, announces this one’s sequence', async () => {
  await using database = await createTestDatabase();
  const sql = open(database.url);
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  await sql.unsafe(`CREATE OR REPLACE TRIGGER projectionist_announce BEFORE INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce('1', '1')`);
  expect(await announced(sql)).toEqual({ sequence: true, held: 1n });
  await sql.end();
});

// Seen red with: pg_partition_root taken out of projectionist_announce; the partitions left out of readTriggers.
test('an insert into a partition announces the sequence of the whole table, by a trigger that `migrate` has made', async () => {
  await using database = await createTestDatabase();
  const sql = open(database.url);
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  await sql.unsafe(`
    ALTER TABLE events RENAME TO plain;
    CREATE TABLE events (LIKE plain INCLUDING DEFAULTS INCLUDING GENERATED) PARTITION BY RANGE (position);
    DROP TABLE plain CASCADE;
    CREATE SEQUENCE numbers OWNED BY events.position;
    ALTER TABLE events ALTER position SET DEFAULT nextval('numbers');
    CREATE TABLE events_first PARTITION OF events DEFAULT`);
  const repaired: string[] = [];
  const onRepair = (text: string) => void repaired.push(text);
  await migrate(sql, { schema: 'public', notify: true, projections: [], onRepair });
  expect(repaired).toHaveLength(4);
  expect(await announced(sql)).toEqual({ sequence: true, held: 1n });
  const held = await sql.begin(async (tx) => {
    await tx.unsafe(
      INSERT.replace('events', 'events_first')
        .replace('(aggregate_name', '(position, aggregate_name')
        .replace('VALUES (', "VALUES (nextval('numbers'), "),
    );
    return await tx`SELECT classid = 'numbers'::regclass::oid AS sequence FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`;
  });
  expect([...held]).toEqual([{ sequence: true }]);
  // Nothing to announce by is an error, never an append that readers cannot see coming.
  await sql.unsafe('ALTER TABLE events ALTER position DROP DEFAULT; DROP SEQUENCE numbers');
  const without = INSERT.replace('(aggregate_name', '(position, aggregate_name').replace('VALUES (', 'VALUES (99, ');
  await expect(sql.unsafe(without)).rejects.toThrow(/column position of public.events has no sequence of its own/);
  await sql.end();
});

// Seen red with: pg_advisory_xact_lock taken out of migrate (`relation … already exists`, or a duplicate key).
test('eight migrations of an empty database at once take turns: one does the work, and none fails', async () => {
  await using database = await createTestDatabase();
  const pools = Array.from({ length: 8 }, () => open(database.url, 'public', 1));
  await Promise.all(pools.map((pool) => pool`SELECT 1`));
  const ran = await Promise.all(
    pools.map((pool) => migrate(pool, { schema: 'public', notify: true, projections: [ledger] })),
  );
  expect(ran.filter((files) => files > 0)).toHaveLength(1);
  await Promise.all(pools.map((pool) => pool.end()));
});

// Seen red with: the functions of 005 alone (`channel name too long` for every append); channelOf without the hash.
test.each([49, 50, 63])(
  'a schema whose name has %i characters is appended to, and its appends are announced',
  async (length) => {
    await using database = await createTestDatabase();
    const schema = 'a'.repeat(length);
    const sql = open(database.url, schema, 3);
    await migrate(sql, { schema, notify: true, projections: [] });
    let notified = 0;
    const { unlisten } = await new Promise<{ unlisten: () => Promise<void> }>((resolve) => {
      const listening = sql.listen(
        channelOf(schema),
        () => {
          notified += 1;
        },
        () => resolve(listening),
      );
    });
    await sql.unsafe(INSERT);
    await vi.waitFor(() => expect(notified).toBeGreaterThan(0), { timeout: 10_000, interval: 5 });
    await unlisten();
    await sql.end();
  },
);
