import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAll, MAIN, PACKAGE_URL, projectionist, run, startProjections, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const CONFIG = `
import { create, defineProjection } from '${PACKAGE_URL}';
export const projections = [defineProjection()({
  name: 'noted', tables: { noted: { key: ['position'] } }, on: { Noted: ({ position }) => create('noted', { position }) },
  schema: 'CREATE TABLE IF NOT EXISTS noted (position bigint PRIMARY KEY)',
})];
`;
const EVENT =
  '{"aggregateName":"a","aggregateId":"a","sequenceNo":1,"name":"Noted","occurredAt":"2026-01-01T00:00:00Z","payload":{}}';

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'projectionist-new-store-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'projectionist.config.js'), CONFIG);
  database = await createTestDatabase();
});
afterAll(async () => {
  killAll();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const options = (schema?: string) => ({
  cwd: folder,
  env: { DATABASE_URL: database.url, ...(schema === undefined ? {} : { SCHEMA: schema }) },
});

async function startUntilLive(schema?: string): Promise<string> {
  const daemon = startProjections('projectionist.config.js', options(schema));
  await untilSaid(daemon, /^1 live, 0 failed, 0 paused$/m);
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toEqual({ code: 0, signal: null });
  return daemon.err();
}

const schemas = async () =>
  (
    await database.sql`SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    ORDER BY 1`
  ).map(({ name }) => name);

const tablesOf = async (schema: string) =>
  await database.sql`SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(${schema}) AND relkind = 'r'`;

// Seen red with: `onNewStore` not given to migrate; `refuseSecondStore` not called (a new, empty store, and `1 live`).
test('a start that creates a store warns, and names the schema that has one already; without SCHEMA it creates nothing', async () => {
  const name = new URL(database.url).pathname.slice(1);
  const created = (schema: string) =>
    `schema ${schema} of database ${name} had no event store: created a new, empty one`;
  const first = await startUntilLive('app');
  const [line = '{}'] = first.split('\n').filter((one) => one.includes('event store'));
  expect(JSON.parse(line)).toMatchObject({ level: 40, msg: created('app'), address: expect.stringContaining(name) });
  expect(await startUntilLive('app')).not.toContain('event store');

  await database.sql`ALTER SCHEMA app RENAME TO moved`;
  const refused =
    `projectionist: schema public of database ${name} has no event store, and schema moved has one: ` +
    'set SCHEMA to that one, or run `projectionist migrate --schema public` to create a second, empty store\n';
  const start = startProjections('projectionist.config.js', options());
  await Promise.race([start.ended, untilSaid(start, /^1 live/m).catch(() => undefined)]);
  expect([start.out(), start.err()]).toEqual(['', refused]);
  const imported = await projectionist(['import', '-'], { ...options(), input: EVENT });
  expect(imported).toEqual({ code: 1, out: '', err: refused });
  expect([await schemas(), await tablesOf('public')]).toEqual([['moved', 'public'], []]);

  expect(await startUntilLive('app')).toContain(`${created('app')} (an event store is also in schema moved)`);

  expect(await startUntilLive('moved')).not.toContain('event store');
  const migrated = await projectionist(['migrate'], options('second'));
  expect(migrated).toMatchObject({ code: 0, err: '' });
  expect(migrated.out).toContain(`${created('second')} (an event store is also in schema app, moved)\n`);
  expect(await startUntilLive('second')).not.toContain('event store');
});

// Seen red with: `onNewStore` not given to migrate by the import.
test('an import that creates the store says so on stderr, and the next one does not', async () => {
  await using empty = await createTestDatabase();
  const at = { cwd: folder, env: { DATABASE_URL: empty.url }, input: EVENT };
  const first = await projectionist(['import', '-'], at);
  expect(first).toMatchObject({ code: 0, out: '1 events imported\n' });
  expect(first.err).toMatch(
    /^projectionist: schema public of database \w+ had no event store: created a new, empty one\n$/,
  );
  expect(await projectionist(['import', '-'], at)).toMatchObject({ code: 0, err: '' });
});

// Seen red with: `readable` always false.
test.skipIf(process.platform !== 'linux')('where stderr is a terminal the log is lines for a person', async () => {
  await using empty = await createTestDatabase();
  const command = `${process.execPath} ${MAIN} start --config projectionist.config.js`;
  const env = { DATABASE_URL: empty.url, NO_COLOR: '1' };
  const daemon = run('script', ['-qefc', command, '/dev/null'], { cwd: folder, env });
  await untilSaid(daemon, /1 live, 0 failed, 0 paused/);
  expect(daemon.out()).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: schema public of database \w+ had no event store/m);
  expect(daemon.out()).not.toContain('{"level"');
  process.kill(-(daemon.child.pid ?? 0), 'SIGTERM');
  await daemon.ended;
});
