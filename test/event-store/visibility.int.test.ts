import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ENGINE_TABLES } from '../../src/core/engine-tables.ts';
import { checkStore } from '../../src/event-store/checks.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import {
  createDaemon,
  type Daemon,
  defineProjection,
  type EventShape,
  remove,
  type StoredEvent,
  upsert,
} from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';

const source = {
  name: 'noted',
  schema: 'CREATE TABLE IF NOT EXISTS noted (id text PRIMARY KEY, position bigint NOT NULL);',
  tables: { noted: { key: ['id'] } },
  on: {
    Noted: (event: StoredEvent) =>
      upsert('noted', { id: event.aggregateId, position: event.position }, { conflict: ['id'] }),
    Gone: (event: StoredEvent) => remove('noted', { id: event.aggregateId }),
  },
};
const noted = defineProjection<EventShape>()(source);

const user = `test_visibility_${randomBytes(4).toString('hex')}`;
const password = randomBytes(12).toString('hex');
let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect({ address: { url: database.url }, applicationName: 'test', max: 2 });
  await migrate(sql, { schema: 'public', notify: true, projections: [noted] });
  await sql.unsafe(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
  // Everything but the rights to make or to own anything, as sql/roles.sql gives them.
  await sql.unsafe(`REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO ${user};
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ${user}`);
});
beforeEach(async () => {
  await sql`TRUNCATE events, noted`;
  await sql`UPDATE projection_state SET cursor = 0, last_event_id = NULL, status = 'running'`;
});
afterAll(async () => {
  await sql.unsafe(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  await sql.end();
  await database.drop();
});

function daemonOf(options: { readonly schema?: string; readonly extensionSchemas?: readonly string[] } = {}): Daemon {
  const url = new URL(database.url);
  url.username = user;
  url.password = password;
  const common = { projections: [noted], requeueEveryMs: 100, retries: 0, retryFailedAfterMs: 10 };
  return createDaemon({ ...common, database: { url: url.href }, ...options });
}

const append = (id: string) => sql`
  INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('Note', ${id}, 1, 'Noted')`;
const rows = async () => (await sql<{ id: string }[]>`SELECT id FROM noted ORDER BY id`).map(({ id }) => id);

describe('row level security', () => {
  /** Hides the rows whose id begins with h from everybody but the owner. */
  const hide = async (table: string, column: string): Promise<AsyncDisposable> => {
    await sql.unsafe(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      CREATE POLICY hiding ON ${table} USING (${column} NOT LIKE 'h%')`);
    return {
      [Symbol.asyncDispose]: async () => {
        await sql.unsafe(`DROP POLICY hiding ON ${table}; ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`);
      },
    };
  };

  // Seen red with: the throw of ROW_SECURITY left out of names.ts.
  test.each([
    ['events', 'aggregate_id'],
    ['noted', 'id'],
    ['projection_state', 'name'],
  ])('refuses the start where it hides rows of %s from the daemon', async (table, column) => {
    await using _ = await hide(table, column);
    await using daemon = daemonOf();
    await expect(daemon.start()).rejects.toMatchObject({ code: 'ROW_SECURITY', fields: { table, role: user } });
  });

  test('is no concern of the tables’ owner, whom it hides nothing from', async () => {
    await using _ = await hide('noted', 'id');
    await using daemon = createDaemon({ projections: [noted], database: { url: database.url } });
    await daemon.start();
    await append('hidden');
    await untilCaughtUp(daemon, sql);
    expect(await rows()).toEqual(['hidden']);
  });

  // Seen red with: row_security pinned to on (the event is passed over, lag 0).
  test('of events that comes while the daemon runs passes nothing over: it is said, and what was hidden is applied after', async () => {
    await using daemon = daemonOf();
    await daemon.start();
    await append('a');
    await untilCaughtUp(daemon, sql);
    {
      await using _ = await hide('events', 'aggregate_id');
      await append('hidden');
      await append('b');
      await untilStatus(daemon, 'noted', ({ detail }) => detail?.includes('row') === true);
      expect(await rows()).toEqual(['a']);
    }
    await untilCaughtUp(daemon, sql);
    expect(await rows()).toEqual(['a', 'b', 'hidden']);
  });

  // Seen red with: row_security pinned to on (the cursor moves past an update that does nothing).
  test('of a read model that comes while the daemon runs halts the projection at the event whose write it hides', async () => {
    await using daemon = daemonOf();
    await daemon.start();
    await append('hidden');
    await untilCaughtUp(daemon, sql);
    await using _ = await hide('noted', 'id');
    await sql`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('Note', 'hidden', 2, 'Gone')`;
    const { failure } = await untilStatus(daemon, 'noted', ({ state }) => state === 'failed');
    expect(failure).toMatchObject({ sqlstate: '42501', error: expect.stringContaining('row-level security') });
  });
});

describe('a schema of its own', () => {
  // Seen red with: `, public` put behind the schema in searchPath, and the regclass of checkMigrated without its schema.
  test('is missing, and nothing else is used in its place: the start of a role that may make none is refused', async () => {
    for (const schema of ['staging', 'staging_without_store']) {
      if (schema !== 'staging') await sql.unsafe(`CREATE SCHEMA ${schema}; GRANT USAGE ON SCHEMA ${schema} TO ${user}`);
      await using daemon = daemonOf({ schema });
      const code = schema === 'staging' ? 'STORE_MISSING' : 'MIGRATION_NEEDED';
      await expect(daemon.start()).rejects.toMatchObject({ code });
    }
  });

  // Seen red with: `, public` put behind the schema in searchPath (its table is truncated).
  test('lacks a table that public has: the projection is refused, and the other one’s rows stay', async () => {
    await append('kept');
    await sql`INSERT INTO noted VALUES ('kept', 1)`;
    const bare = defineProjection<EventShape>()({ ...source, schema: '' });
    await using daemon = createDaemon({ projections: [bare], database: { url: database.url }, schema: 'app' });
    await expect(daemon.start()).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    expect(await rows()).toEqual(['kept']);
  });

  // Seen red with: checkShadows left out of migrate.
  test('beside one of extensions that has a table of ours is refused: a table that goes would be found there', async () => {
    await using daemon = createDaemon({
      projections: [noted],
      database: { url: database.url },
      schema: 'app_beside',
      extensionSchemas: ['public'],
    });
    await expect(daemon.start()).rejects.toMatchObject({ code: 'SCHEMA_SHADOWED', fields: { found: 'public' } });
    expect(await sql`SELECT to_regclass('app_beside.events') AS made`).toEqual([{ made: null }]);
  });

  // Seen red with: checkTables left out of the check in watches.ts.
  test('loses a table while the daemon runs: status says so', async () => {
    await using daemon = createDaemon({
      projections: [noted],
      database: { url: database.url },
      schema: 'app_losing',
      requeueEveryMs: 50,
    });
    await daemon.start();
    await sql`DROP TABLE app_losing.noted`;
    await untilStatus(daemon, 'noted', ({ detail }) => detail?.includes("needs table 'noted'") === true);
  });

  // Seen red with: extensionSchemas left out of searchPath, or of migrate's; the throw of SCHEMA_SHADOWED in checkNames.
  test('finds types of an extension in a schema that EXTENSION_SCHEMAS names, from the projection’s DDL to its rows', async () => {
    await sql.unsafe('CREATE SCHEMA extensions; CREATE DOMAIN extensions.shout AS text CHECK (VALUE = upper(VALUE))');
    const typed = defineProjection<EventShape>()({
      ...source,
      schema: 'CREATE TABLE IF NOT EXISTS noted (id shout PRIMARY KEY, position bigint NOT NULL);',
    });
    await using daemon = createDaemon({
      projections: [typed],
      database: { url: database.url },
      schema: 'app_extended',
      extensionSchemas: ['extensions'],
      requeueEveryMs: 50,
    });
    await daemon.start();
    const own = connect({ address: { url: database.url }, schema: 'app_extended', applicationName: 'test', max: 1 });
    await own`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name) VALUES ('Note', 'A', 1, 'Noted')`;
    await untilCaughtUp(daemon, own);
    expect(await own`SELECT id FROM noted`).toEqual([{ id: 'A' }]);
    await own.end();
    await sql`CREATE TABLE extensions.noted ()`;
    await untilStatus(daemon, 'noted', ({ detail }) => detail?.includes('of EXTENSION_SCHEMAS has a') === true);
  });

  // Seen red with: the throw of SCHEMA_MISPLACED left out of names.ts.
  test('is where a declared table has to be: one of the system’s is refused', async () => {
    const odd = defineProjection<EventShape>()({
      ...source,
      schema: '',
      tables: { pg_statistic: { key: ['starelid'] } },
    });
    await using daemon = createDaemon({ projections: [odd], database: { url: database.url } });
    await expect(daemon.start()).rejects.toMatchObject({ code: 'SCHEMA_MISPLACED', fields: { found: 'pg_catalog' } });
  });

  // Seen red with: pg_temp left out of searchPath.
  test('is not hidden by a temporary table that another statement leaves in a session', async () => {
    const one = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
    await one`CREATE TEMP TABLE noted (id text PRIMARY KEY, position bigint)`;
    await one`INSERT INTO noted VALUES ('here', 1)`;
    expect(await rows()).toEqual(['here']);
    await one.end();
  });
});

// Seen red with: checkSubscriptions left out of checkStore.
test('a store that a subscription fills is refused: replication fires no triggers', async () => {
  await sql.unsafe(`CREATE SUBSCRIPTION filling CONNECTION 'host=127.0.0.1' PUBLICATION p
    WITH (connect = false, slot_name = NONE, enabled = false)`);
  await sql`INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)
            SELECT oid, 'events'::regclass, 'r' FROM pg_subscription
            WHERE subname = 'filling' AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  const checked = await checkStore(sql, { notify: true }).catch((error: unknown) => error);
  // Whatever came of it: a database with a subscription cannot be dropped.
  await sql`DROP SUBSCRIPTION filling`;
  expect(checked).toMatchObject({
    code: 'STORE_SUBSCRIBED',
    fields: { table: 'events', subscription: 'filling' },
  });
  await checkStore(sql, { notify: true });
});

// Seen red with: 'projection_attempts' left out of ENGINE_TABLES.
test('every table that a migration makes is one that is looked after', async () => {
  const made = await sql<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'noted'`;
  expect([...ENGINE_TABLES].sort()).toEqual(made.map(({ name }) => name).sort());
});
