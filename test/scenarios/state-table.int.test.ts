import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projections.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { expectedTables } from '../support/dancefinder.ts';
import { createTestDatabase } from '../support/database.ts';
import { startDaemon, untilCaughtUp } from '../support/engine.ts';
import { openScene } from '../support/scene.ts';

const NAMES = ['band', 'dancehall', 'event', 'userpreferences'];

/** The definition of the schema from the catalogs. xmin shows a row that was written again with the same content. */
async function catalog(sql: Sql): Promise<readonly object[]> {
  const columns = await sql`
    SELECT c.oid::text, c.xmin::text, c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY c.oid, a.attnum`;
  const others = await sql`
    SELECT 'constraint', oid::text, xmin::text, conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', oid::text, xmin::text, tgname::text || tgenabled::text FROM pg_trigger
    UNION ALL SELECT 'function', oid::text, xmin::text, proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2`;
  return [...columns, ...others];
}

// Seen red with: runFiles without slice(row.last).
test('1: migrating twice leaves readviews exactly (name text primary key, position bigint not null) and changes nothing the second time', async () => {
  await using database = await createTestDatabase();
  const sql = connect({ address: { url: database.url }, applicationName: 'test', max: 2 });
  const options = { schema: 'public', notify: true, projections };
  expect(await migrate(sql, options)).toBeGreaterThan(0);
  const first = await catalog(sql);
  expect(await migrate(sql, options)).toBe(0);
  expect(await catalog(sql)).toEqual(first);
  expect(
    await sql`
      SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
      WHERE table_name = 'readviews' ORDER BY ordinal_position`,
  ).toEqual([
    { column_name: 'name', data_type: 'text', is_nullable: 'NO', column_default: null },
    { column_name: 'position', data_type: 'bigint', is_nullable: 'NO', column_default: null },
  ]);
  expect(
    await sql`
      SELECT contype::text AS kind, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE conrelid = 'readviews'::regclass AND contype <> 'n'`,
  ).toEqual([{ kind: 'p', definition: 'PRIMARY KEY (name)' }]);
  await sql.end();
});

// Seen red with: `published` taken out of register.
test('2: at the first start each of the four projections has a readviews row at 0', async () => {
  await using scene = await openScene([]);
  await using daemon = await startDaemon(scene.database, projections);
  expect(daemon.names).toEqual(NAMES);
  expect(await scene.sql`SELECT name, position FROM readviews ORDER BY name`).toEqual(
    NAMES.map((name) => ({ name, position: 0n })),
  );
});

// Seen red with: `published` taken out of advance, and out of the checkpoint flush (each alone).
test('3: the documented status, lag and count SQL run verbatim; caught up the lag is 0, otherwise whole seconds', async () => {
  await using scene = await openScene(projections);
  const history = [...generateHistory({ seed: 3, events: 400 })];
  await scene.append(...history);
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const newest = Math.floor(Math.max(...history.map(({ occurredAt }) => Date.parse(occurredAt))) / 1000);

  const caughtUp = await monitor(scene.sql);
  expect(byName(caughtUp.status)).toEqual(
    NAMES.map((name) => ({ name, position: BigInt(newest), latest_event: BigInt(newest) })),
  );
  expect(byName(caughtUp.lag).map((row) => [row['name'], row['lag_seconds']])).toEqual(NAMES.map((name) => [name, 0n]));
  const bandEvents = history.filter(({ aggregateName }) => aggregateName === 'domain.Band').map(({ name }) => name);
  expect(byName(caughtUp.eventCounts)).toEqual(
    [...new Set(bandEvents)]
      .sort()
      .map((name) => ({ name, count: BigInt(bandEvents.filter((one) => one === name).length) })),
  );
  // Reused and released names leave fewer bands than events; the fold gives their number.
  expect(caughtUp.bandCount).toEqual([{ count: BigInt((await expectedTables(scene.sql)).band.length) }]);

  await daemon.send('band', 'PAUSE');
  await scene.append({
    aggregateName: 'domain.Band',
    aggregateId: 'c0ffee00-0000-4000-8000-000000000001',
    sequenceNo: 1,
    name: 'BandCreated',
    occurredAt: new Date((newest + 90) * 1000 + 700).toISOString(),
    payload: { name: 'ninety seconds later' },
  });
  await untilCaughtUp(daemon, scene.sql, NAMES.slice(1));
  const behind = await monitor(scene.sql);
  expect(byName(behind.lag).map((row) => [row['name'], row['lag_seconds']])).toEqual([
    ['band', 90n],
    ['dancehall', 0n],
    ['event', 0n],
    ['userpreferences', 0n],
  ]);
});

// Seen red with: register giving a projection 1 in place of 0.
test('4: without events latest_event is NULL and the lag query returns no rows', async () => {
  await using scene = await openScene(projections);
  await using daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const { status, lag, eventCounts, bandCount } = await monitor(scene.sql);
  expect(byName(status)).toEqual(NAMES.map((name) => ({ name, position: 0n, latest_event: null })));
  expect(lag).toEqual([]);
  expect(eventCounts).toEqual([]);
  expect(bandCount).toEqual([{ count: 0n }]);
});

// Seen red with: UNIQUE taken from band.name, and event_band_id_idx taken out.
test('5: no foreign key connects read-model tables; ids are UUID primary keys, names unique, references indexed', async () => {
  await using scene = await openScene(projections);
  const { sql } = scene;
  const tables = projections.flatMap((projection) => [...projection.tables.keys()]);
  expect(tables).toHaveLength(9);
  expect(await sql`SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'`).toEqual([]);
  const keys = await sql<{ table: string; definition: string; type: string }[]>`
    SELECT conrelid::regclass::text AS table, pg_get_constraintdef(c.oid) AS definition, format_type(a.atttypid, -1) AS type
    FROM pg_constraint AS c JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE contype = 'p' AND conrelid::regclass::text = ANY(${tables}::text[])`;
  expect(keys.map(({ table }) => table).sort()).toEqual([...tables].sort());
  for (const key of keys) expect(key).toMatchObject({ definition: 'PRIMARY KEY (id)', type: 'uuid' });

  const leading = await sql<{ column: string; unique: boolean }[]>`
    SELECT i.indrelid::regclass::text || '.' || a.attname AS column, i.indisunique AND i.indnatts = 1 AS unique
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid::regclass::text = ANY(${tables}::text[])`;
  expect(leading).toContainEqual({ column: 'band.name', unique: true });
  const indexed = leading.map(({ column }) => column);
  for (const column of [
    'event.band_id',
    'event.dance_hall_id',
    'event.date',
    'ignored_band.band_id',
    'ignored_dance_hall.dance_hall_id',
    'origin.subject',
  ]) {
    expect(indexed).toContain(column);
  }
});

type Rows = readonly Readonly<Record<string, unknown>>[];

/** The seed document's SQL, statement by statement, as it stands in the file. */
async function monitor(sql: Sql) {
  const text = await readFile(new URL('monitoring.sql', import.meta.url), 'utf8');
  const statements = text.split(';').filter((statement) => statement.trim() !== '');
  expect(statements).toHaveLength(4);
  const results: Rows[] = [];
  for (const statement of statements) results.push([...(await sql.unsafe<Record<string, unknown>[]>(statement))]);
  const [status = [], lag = [], eventCounts = [], bandCount = []] = results;
  return { status, lag, eventCounts, bandCount };
}

function byName(rows: Rows): Rows {
  return [...rows].sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1));
}
