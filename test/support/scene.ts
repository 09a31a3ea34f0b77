import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';
import { type Appended, append } from '../../src/event-store/append.ts';
import type { Daemon, DaemonOptions, NewEvent, Projection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { openStore, startDaemon } from './engine.ts';
import { promised } from './promised.ts';

/** A database of one test with its event store, and the daemons that the test starts on it. */
export interface Scene extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly sql: Sql;
  append(...events: readonly NewEvent[]): Promise<readonly Appended[]>;
  /** Starts a daemon with a random id. It is stopped at the end of the test. */
  start(options?: Partial<DaemonOptions>): Promise<Daemon>;
  /** The projection's row with its xmin: two equal results mean that no transaction wrote the row in between. */
  row(name: string): Promise<{
    readonly cursor: bigint;
    readonly generation: bigint;
    readonly status: string;
    readonly xmin: string;
  }>;
}

export async function openScene(projections: readonly Projection[]): Promise<Scene> {
  const database = await createTestDatabase();
  const sql = await openStore(database, projections);
  const daemons: Daemon[] = [];
  return {
    database,
    sql,
    append: (...events) => append(sql, events),
    start: async (options = {}) => {
      const daemon = await startDaemon(database, projections, { id: randomBytes(4).toString('hex'), ...options });
      daemons.push(daemon);
      return daemon;
    },
    row: async (name) => {
      const [row] = await sql<[{ cursor: bigint; generation: bigint; status: string; xmin: string }]>`
        SELECT cursor, status, generation, last_event_id, alarm, xmin::text FROM projection_state WHERE name = ${name}`;
      return row;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(daemons.map((daemon) => daemon.stop()));
      await sql.end({ timeout: 1 });
      await database.drop();
    },
  };
}

/** Ends every session of a daemon, as the end of its process would, and waits until the server has removed them. */
export async function endSessions(sql: Sql, daemon: Daemon): Promise<void> {
  const [{ pids }] = await sql<[{ pids: number[] }]>`
    SELECT coalesce(array_agg(pid), '{}') AS pids FROM pg_stat_activity
    WHERE datname = current_database() AND (application_name LIKE ${`projectionist:%:${daemon.id}`} OR application_name LIKE ${`proj:${daemon.id}:%`})`;
  for (const pid of pids) await sql`SELECT pg_terminate_backend(${pid})`;
  await vi.waitFor(
    async () => {
      const [{ left }] = await sql<[{ left: bigint }]>`
        SELECT count(*) AS left FROM pg_stat_activity WHERE pid = ANY(${pids}::int[])`;
      if (left > 0n) throw new Error(`${left} sessions of ${daemon.id} are still there`);
    },
    { timeout: 10_000, interval: 5 },
  );
}

/** A promise that stays pending, as in a process that has ended. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** A promise that a test settles: the test waits for it, or makes the engine wait for it. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  const { promise, resolve } = promised<void>();
  return { passed: promise, open: () => resolve() };
}

/** Keeps every line that a daemon logs. */
export function capturingLog() {
  const lines: {
    readonly level: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly message: string;
  }[] = [];
  const level = (name: string) => (fields: object, message: string) => {
    lines.push({ level: name, fields: { ...fields }, message });
  };
  return { lines, debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
}
