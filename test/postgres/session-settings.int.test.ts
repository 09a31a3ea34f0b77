import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDatabase } from '../../src/event-store/checks.ts';
import { connect } from '../../src/postgres/pool.ts';
import { PINNED_NAMES, REQUIRED_NAMES, sessionSettings } from '../../src/postgres/session-settings.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { HARMLESS } from '../support/harmless-settings.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

/** A value that is neither ours nor the default. */
const HOSTILE: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog',
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'German',
  IntervalStyle: 'iso_8601',
  timezone_abbreviations: 'India',
  extra_float_digits: '-10',
  bytea_output: 'escape',
  array_nulls: 'off',
  client_encoding: 'LATIN1',
  lc_monetary: 'POSIX',
  lc_numeric: 'POSIX',
  lc_time: 'POSIX',
  default_text_search_config: 'pg_catalog.german',
  xmlbinary: 'hex',
  xmloption: 'document',
  standard_conforming_strings: 'off',
  backslash_quote: 'on',
  quote_all_identifiers: 'on',
  transform_null_equals: 'on',
  gin_fuzzy_search_limit: '1',
  row_security: 'on',
  default_transaction_isolation: 'serializable',
  exit_on_error: 'on',
  idle_in_transaction_session_timeout: '7s',
  jit: 'on',
};

async function settings(): Promise<Readonly<Record<string, string>>> {
  const sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  try {
    const rows = await sql<{ name: string; value: string }[]>`
      SELECT name, current_setting(name) AS value FROM unnest(${[...PINNED_NAMES]}::text[]) AS n (name)`;
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

// Seen red with: a line of PINNED taken out (it is then in neither list), `row_security` added to HARMLESS.
test('every setting that a session can change is pinned, or judged to change no rows', async () => {
  const rows = await database.sql<{ name: string }[]>`
    SELECT name FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE '%.%' ORDER BY name`;
  const judged = [...PINNED_NAMES, ...REQUIRED_NAMES, ...Object.values(HARMLESS).flat()];
  expect(rows.map(({ name }) => name).filter((name) => !judged.includes(name))).toEqual([]);
  expect(judged.filter((name, place) => judged.indexOf(name) !== place)).toEqual([]);
});

// Seen red with: the start-up message without `...Object.fromEntries(sent…)`.
test.each([
  ['DATABASE', (name: string) => `DATABASE ${name}`],
  ['ROLE', (name: string) => `ROLE CURRENT_USER IN DATABASE ${name}`],
])('what ALTER %s says of a pinned setting does not reach our sessions', async (_, of) => {
  const wanted = Object.fromEntries(sessionSettings({ schema: 'public' }));
  expect(Object.keys(HOSTILE).sort()).toEqual([...PINNED_NAMES].sort());
  const whose = of(new URL(database.url).pathname.slice(1));
  for (const [setting, value] of Object.entries(HOSTILE)) {
    await database.sql.unsafe(`ALTER ${whose} SET ${setting} = '${value}'`);
  }
  expect(await settings()).toEqual(wanted);
  await database.sql.unsafe(`ALTER ${whose} RESET ALL`);
});

// Seen red with: `...keepalives` left out of getStartupConf.
test('the server probes a silent client of a session, also if the database sets other values', async () => {
  const name = new URL(database.url).pathname.slice(1);
  for (const setting of ['idle', 'interval', 'count'])
    await database.sql.unsafe(`ALTER DATABASE ${name} SET tcp_keepalives_${setting} = 0`);
  const sql = connect({ address: { url: database.url }, applicationName: 'test', max: 1 });
  const [probes] = await sql<{ tcp: boolean; probes: string[] }[]>`
    SELECT inet_client_addr() IS NOT NULL AS tcp,
           ARRAY[current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'),
                 current_setting('tcp_keepalives_count')] AS probes`;
  // On a Unix socket the server shows 0, because it sends no probes there.
  expect(probes?.probes).toEqual(probes?.tcp === true ? ['30', '10', '3'] : ['0', '0', '0']);
  await sql.end({ timeout: 1 });
  await database.sql.unsafe(`ALTER DATABASE ${name} RESET ALL`);
});

describe('a setting that only a superuser may change', () => {
  // Seen red with: the throw left out of proveSession.
  test.each([
    ['session_replication_role', 'replica'],
    ['zero_damaged_pages', 'on'],
    ['ignore_checksum_failure', 'on'],
  ])('refuses the start, in its own words: %s', async (setting, value) => {
    const name = new URL(database.url).pathname.slice(1);
    await database.sql.unsafe(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
    const address = { url: database.url };
    const sql = connect({ address, applicationName: 'test', max: 1 });
    await expect(checkDatabase(sql, address)).rejects.toMatchObject({
      code: 'SESSION_SETTING',
      fields: { setting, value },
    });
    await sql.end({ timeout: 1 });
    await database.sql.unsafe(`ALTER DATABASE ${name} RESET ${setting}`);
  });
});

describe('options of the URL', () => {
  const withOptions = (options: string) => {
    const url = new URL(database.url);
    url.searchParams.set('options', options);
    return connect({ address: { url: url.href }, applicationName: 'test', max: 1 });
  };

  // Seen red with: `options` left out of getStartupConf.
  test('reach the session', async () => {
    const sql = withOptions('-c work_mem=7MB');
    expect(await sql`SHOW work_mem`).toEqual([{ work_mem: '7MB' }]);
    await sql.end({ timeout: 1 });
  });

  // Seen red with: the loop of optionsOf left out.
  test.each(['-c search_path=other', '-csearch_path=other', '--search-path=other', '-c geqo=off -c SEARCH_PATH=other'])(
    'are refused where they set what the engine sets: %s',
    async (options) => {
      const sql = withOptions(options);
      await expect(sql`SELECT 1`).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('set search_path, which the engine sets itself: SCHEMA and EXTENSION_SCHEMAS'),
      });
      await sql.end({ timeout: 1 });
    },
  );
});
