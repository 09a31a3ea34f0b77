import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { checkStore } from '../../src/event-store/checks.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { createDaemon } from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ledger } from '../support/ledger.ts';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 2 });
  await migrate(sql, { schema: 'public', notify: true, projections: [ledger] });
  await sql`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('Stream', 'a', 1, 'Appended')`;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Tries to start a daemon there; what comes up anyway is stopped. */
async function start(url: string): Promise<void> {
  await using daemon = createDaemon({ projections: [ledger], database: { url } });
  await daemon.start();
}

// Seen red with: the comparison of each row removed from checks.ts in turn.
test.each([
  {
    fault: 'A9: a sequence with CACHE 20',
    make: 'ALTER SEQUENCE events_position_seq CACHE 20',
    mend: 'ALTER SEQUENCE events_position_seq CACHE 1',
    code: 'STORE_CACHE',
    message: 'run `ALTER SEQUENCE public.events_position_seq CACHE 1`',
  },
  {
    fault: 'a sequence behind the table',
    make: `INSERT INTO events (position, aggregate_name, aggregate_id, sequence_no, name)
           OVERRIDING SYSTEM VALUE VALUES (99, 'Stream', 'b', 1, 'Appended')`,
    mend: 'DELETE FROM events WHERE position = 99',
    code: 'STORE_POSITION',
    message:
      "events.position reaches 99, its sequence only 1, so positions would be allocated twice: run `SELECT setval('public.events_position_seq', 99)`",
  },
  {
    fault: 'a sequence behind the table that has allocated no position',
    make: "SELECT setval('events_position_seq', 1, false)",
    mend: "SELECT setval('events_position_seq', 1)",
    code: 'STORE_POSITION',
    message: 'events.position reaches 1, its sequence only 0',
  },
  {
    fault: 'a column missing',
    make: 'ALTER TABLE events RENAME metadata TO other',
    mend: 'ALTER TABLE events RENAME other TO metadata',
    code: 'STORE_COLUMNS',
    message: 'table public.events lacks metadata',
  },
])('$fault is refused at the start, and accepted again once mended', async ({ make, mend, code, message }) => {
  await sql.unsafe(make);
  await expect(start(database.url)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  await sql.unsafe(mend);
  await start(database.url);
});

// Seen red with: the comparison of each row removed from readTriggers in turn; repairTriggers left out of migrate.
test.each([
  ['disabled', 'ALTER TABLE events DISABLE TRIGGER projectionist_announce', 'projectionist_announce', 'disabled'],
  [
    'asleep in replica sessions',
    'ALTER TABLE events ENABLE TRIGGER projectionist_announce',
    'projectionist_announce',
    'not ENABLE ALWAYS',
  ],
  ['dropped', 'DROP TRIGGER projectionist_announce ON events', 'projectionist_announce', 'missing'],
  ['dropped with its function', 'DROP FUNCTION projectionist_announce CASCADE', 'projectionist_announce', 'missing'],
  [
    'one that fires for updates',
    `DROP TRIGGER projectionist_announce ON events;
     CREATE TRIGGER projectionist_announce BEFORE UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce()`,
    'projectionist_announce',
    'another one of that name',
  ],
  [
    'one for another sequence',
    `CREATE SEQUENCE IF NOT EXISTS another;
     DO $$ BEGIN EXECUTE format('CREATE OR REPLACE TRIGGER projectionist_announce BEFORE INSERT ON events
       FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce(%s, %s)', 'events'::regclass::oid, 'another'::regclass::oid); END $$`,
    'projectionist_announce',
    'for another sequence',
  ],
  ['that of the NOTIFY dropped', 'DROP TRIGGER projectionist_notify ON events', 'projectionist_notify', 'missing'],
])(
  'a trigger that is %s is found by the check, and repaired by the next start',
  async (_how, make, trigger, problem) => {
    await sql.unsafe(make);
    await expect(checkStore(sql, { notify: true })).rejects.toMatchObject({
      code: 'STORE_TRIGGER',
      fields: { table: 'events', trigger, problem },
    });
    await start(database.url);
    await checkStore(sql, { notify: true });
  },
);

// Seen red with: the SELECT of last_value removed from checkSequence.
test('a role that may not read the sequence is refused: for it the high-water mark would stay at 0', async () => {
  const role = 'projectionist_test_reader';
  const own = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  await own.unsafe(`DO $$ BEGIN CREATE ROLE ${role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$`);
  await own.unsafe(`GRANT SELECT ON events TO ${role}`);
  await own.unsafe(`SET ROLE ${role}`);
  await expect(checkStore(own, { notify: true })).rejects.toMatchObject({
    code: '42501',
    message: 'permission denied for sequence events_position_seq',
  });
  await own.unsafe(`RESET ROLE; GRANT SELECT ON SEQUENCE events_position_seq TO ${role}; SET ROLE ${role}`);
  await checkStore(own, { notify: true });
  await own.end();
});

// Seen red with: the parts of a partitioned table left out of checkTriggers.
test('a partition without the announcing trigger is refused: rows may be inserted into it directly', async () => {
  await using partitioned = await createTestDatabase();
  const own = connect({ address: { url: partitioned.url }, applicationName: 'test', max: 2 });
  await migrate(own, { schema: 'public', notify: true, projections: [] });
  await own.unsafe(`
    ALTER TABLE events RENAME TO plain;
    CREATE TABLE events (LIKE plain INCLUDING DEFAULTS INCLUDING GENERATED) PARTITION BY RANGE (position);
    DROP TABLE plain CASCADE;
    CREATE SEQUENCE numbers OWNED BY events.position;
    ALTER TABLE events ALTER position SET DEFAULT nextval('numbers');
    CREATE TABLE events_first PARTITION OF events DEFAULT;
    CREATE TRIGGER projectionist_announce BEFORE INSERT ON events
      FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce('numbers');
    ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_announce`);
  const check = () => checkStore(own, { notify: false });
  await expect(check()).rejects.toMatchObject({
    code: 'STORE_TRIGGER',
    fields: { table: 'events_first', trigger: 'projectionist_announce', problem: 'missing' },
  });
  await own.unsafe(`
    CREATE TRIGGER projectionist_announce BEFORE INSERT ON events_first
      FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce('numbers');
    ALTER TABLE events_first ENABLE ALWAYS TRIGGER projectionist_announce`);
  await check();
  await own.end();
});

// Seen red with: the check of the encoding removed from checkDatabase.
test.each(['LATIN1', 'SQL_ASCII'])('a database in %s is refused', async (encoding) => {
  const name = `${database.connection.database}_${encoding.toLowerCase()}`;
  const [server] = await sql<[{ version: number }]>`SELECT current_setting('server_version_num')::int AS version`;
  const provider = server.version >= 150_000 ? 'LOCALE_PROVIDER libc' : '';
  await sql.unsafe(
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' ${provider} LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  try {
    const url = new URL(inject('postgres').url);
    url.pathname = `/${name}`;
    await expect(start(url.href)).rejects.toMatchObject({ code: 'DATABASE_ENCODING', fields: { encoding } });
  } finally {
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
  }
});
