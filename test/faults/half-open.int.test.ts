import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { defineProjection } from '../../src/index.ts';
import { connect } from '../../src/postgres/pool.ts';
import { limitPage } from '../../src/state/transaction-limits.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore, startDaemon, untilCaughtUp } from '../support/engine.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { startProxy } from '../support/proxy.ts';

/** Short timeouts, so that silence is detected in a fraction of a second. */
const TIMEOUTS = { connectMs: 400, answerMs: 400, headAnswerMs: 300, pingEveryMs: 100, nextStatementMs: 700 };
const SOON = { timeout: 20_000, interval: 10 };

// Seen red with: `query_timeout` left out of the connections; `ping` left out of listen.ts.
test('B10: silent connections are closed within the bound, and new ones replace them', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start({ timeouts: TIMEOUTS });
  await scene.append(40);
  await scene.expectExact(daemon);
  const listening = async () =>
    await scene.sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT 1'`;
  await vi.waitFor(async () => expect(await listening()).toHaveLength(1), SOON);

  scene.proxy.silence();
  await vi.waitFor(() => expect(daemon.ready()).toBe(false), SOON);
  await scene.append(40);
  await vi.waitFor(() => expect(daemon.ready()).toBe(true), SOON);
  await scene.expectExact(daemon);
  // No packet reached the server, so the old LISTEN session still exists beside the new one.
  await vi.waitFor(async () => expect(await listening()).toHaveLength(2), SOON);
});

// Seen red with: dropUnused not called (the second statement got a silent connection too).
test('B10: when one connection of a pool is lost, its unused connections are closed too', async () => {
  const url = new URL(database.url);
  await using proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  const pool = connect({ address: { url: url.href }, applicationName: 'silent', max: 3, answerWithinMs: 500 });
  await Promise.all([1, 2, 3].map(() => pool`SELECT pg_sleep(0.1)`));
  expect(proxy.arrivals).toHaveLength(3);
  proxy.silence();
  await expect(pool`SELECT 1 AS one`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  expect(await pool`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  await pool.end({ timeout: 1 });
});

// Seen red with: connectWithinMs not passed to the driver.
test('B10: while the whole network is silent readiness is false and attempts and log lines are few; after that everything is applied', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start({ timeouts: TIMEOUTS });
  await scene.append(20);
  await scene.expectExact(daemon);
  const [logged, tried] = [scene.lines().length, scene.proxy.arrivals.length];
  scene.proxy.silence();
  scene.proxy.deafen(true);
  await scene.append(20);
  await vi.waitFor(() => expect(daemon.ready()).toBe(false), SOON);
  // Each attempt takes 400 ms and is followed by a pause. Three pools and the listener connect, for any number of projections.
  await vi.waitFor(() => expect(scene.proxy.arrivals.length).toBeGreaterThan(tried + 5), SOON);
  expect(daemon.ready()).toBe(false);
  expect(scene.lines().length - logged).toBeLessThan(20);
  scene.proxy.deafen(false);
  await scene.expectExact(daemon);
});

// Seen red with: idle_in_transaction_session_timeout left out of limitPage.
test('B10: the transaction of a page whose client is silent does not keep its row locked', async () => {
  await using scene = await openFaultScene();
  let fallen = false;
  const daemon = await scene.start({
    timeouts: TIMEOUTS,
    bulkLimit: 10,
    failpoint: (point, name) => {
      if (fallen || point !== 'rows-written' || name !== 'witness_chain') return;
      fallen = true;
      scene.proxy.silence();
    },
  });
  await scene.append(40);
  await scene.expectExact(daemon);
  expect(fallen).toBe(true);
});

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const WANTED = { client_connection_check_interval: '500', tcp_user_timeout: '10000', tcp_keepalives_idle: '4' };

// Seen red with: LIVENESS emptied.
test('B10: the transaction of a page sets how the server detects a lost client', async () => {
  const seen: Record<string, string>[] = [];
  const curious = defineProjection<{ name: 'Asked'; payload: object }>()({
    name: 'curious',
    schema: 'CREATE TABLE IF NOT EXISTS curious (id int PRIMARY KEY)',
    tables: { curious: { key: ['id'] } },
    on: {
      Asked: async (_, { tx }) => {
        const rows = await tx<{ name: string; setting: string }[]>`
          SELECT name, setting FROM pg_settings
          WHERE name = ANY(${Object.keys(WANTED)}::text[]) AND version() LIKE '%linux%'`;
        seen.push(Object.fromEntries(rows.map(({ name, setting }) => [name, setting])));
      },
    },
  });
  const sql = await openStore(database, [curious]);
  await append(sql, [{ aggregateName: 'A', aggregateId: 'a', sequenceNo: 1, name: 'Asked', payload: {} }]);
  await using daemon = await startDaemon(database, [curious]);
  await untilCaughtUp(daemon, sql);
  const [{ linux }] = await sql<[{ linux: boolean }]>`SELECT version() LIKE '%linux%' AS linux`;
  expect(seen).toEqual([linux ? WANTED : {}]);
  await sql.end();
});

// Seen red with: `true` made `false` in the set_config of LIVENESS.
test('B10: after the page the settings of the session are as before', async () => {
  const sql = connect({ address: { url: database.url }, applicationName: 'kept', max: 1 });
  const settings = async () =>
    await sql`SELECT name, setting FROM pg_settings WHERE name = ANY(${[...Object.keys(WANTED), 'statement_timeout']}::text[])`;
  const before = await settings();
  await sql.begin((tx) => limitPage(tx, { applicationName: 'page', statementMs: 1000, nextStatementMs: 1000 }));
  expect(await settings()).toEqual(before);
  await sql.end();
});
