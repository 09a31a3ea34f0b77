import { expect, vi } from 'vitest';
import { migrate } from '../../src/event-store/migrate.ts';
import { createDaemon, type Daemon, type DaemonOptions, type Projection } from '../../src/index.ts';
import { connect, type DatabaseAddress, type Sql } from '../../src/postgres/pool.ts';
import { register } from '../../src/state/register.ts';
import type { TestDatabase } from './database.ts';

/** Migrates a database and registers the projections. @returns a pool with the connection settings of the engine */
export async function openStore(
  database: Pick<TestDatabase, 'url'> | DatabaseAddress,
  projections: readonly Projection[],
): Promise<Sql> {
  const address: DatabaseAddress = 'url' in database ? { url: database.url } : database;
  const sql = connect({ address, applicationName: 'test', max: 8 });
  await migrate(sql, { schema: 'public', notify: true, projections });
  await register(sql, projections);
  return sql;
}

/** A daemon on the database of the test, with short waits. The test ends it with `stop()` or `await using`. */
export async function startDaemon(
  database: TestDatabase,
  projections: readonly Projection[],
  options: Partial<DaemonOptions> = {},
): Promise<Daemon> {
  const daemon = createDaemon({ projections, database: { url: database.url }, retryFailedAfterMs: 20, ...options });
  await daemon.start();
  return daemon;
}

/** Waits until these projections (all of them, unless named) are live with everything applied and stored. */
export async function untilCaughtUp(
  daemon: Daemon,
  sql: Sql,
  names: readonly string[] = daemon.names,
  timeout = 30_000,
): Promise<void> {
  await vi.waitFor(
    async () => {
      const [{ last }] = await sql<[{ last: bigint }]>`SELECT coalesce(max(position), 0) AS last FROM events`;
      const rows = await sql<
        { name: string; cursor: bigint }[]
      >`SELECT name, cursor FROM projection_state ORDER BY name`;
      const states = new Map((await daemon.status()).map(({ name, state }) => [name, state]));
      const wanted = [...names].sort();
      expect(
        rows.filter(({ name }) => names.includes(name)).map(({ name, cursor }) => [name, states.get(name), cursor]),
      ).toEqual(wanted.map((name) => [name, 'live', last]));
    },
    { timeout, interval: 15 },
  );
}

/**
 * Waits until these projections are live and have read every event. Their positions over events that they do not handle
 * are stored within the next second, or when the daemon stops.
 */
export async function untilApplied(daemon: Daemon, sql: Sql, names: readonly string[] = daemon.names): Promise<void> {
  await vi.waitFor(
    async () => {
      const [{ last }] = await sql<[{ last: string }]>`SELECT coalesce(max(position), 0)::text AS last FROM events`;
      const statuses = (await daemon.status()).filter(({ name }) => names.includes(name));
      expect(statuses.map(({ name, state, cursor }) => [name, state, cursor])).toEqual(
        statuses.map(({ name }) => [name, 'live', last]),
      );
    },
    { timeout: 30_000, interval: 10 },
  );
}

/** Waits until a projection's status satisfies the check; returns that status. */
export async function untilStatus(
  daemon: Daemon,
  name: string,
  check: (status: Awaited<ReturnType<Daemon['status']>>[number]) => boolean,
  timeout = 30_000,
) {
  return await vi.waitFor(
    async () => {
      const status = (await daemon.status()).find((one) => one.name === name);
      if (status === undefined || !check(status)) throw new Error(`'${name}' is ${JSON.stringify(status)}`);
      return status;
    },
    { timeout, interval: 10 },
  );
}
