import { append } from '../../src/event-store/append.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import {
  type Daemon,
  type DaemonOptions,
  defineProjection,
  type EventShape,
  increment,
  type Projection,
  type Transaction,
  upsert,
} from '../../src/index.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { startDaemon, untilCaughtUp, untilStatus } from './engine.ts';
import { noted } from './noted-ledger.ts';

export const COUNT_COLUMNS = '(stream text PRIMARY KEY, events bigint NOT NULL DEFAULT 0)';

export interface CountingOptions {
  /** Default: one of the projection's name. */
  readonly tables?: readonly string[];
  /** Default: creates the tables. */
  readonly ddl?: string;
  readonly reset?: (context: { readonly tx: Transaction }) => Promise<void>;
}

/** Counts events by stream, so that an event applied to rows without all events before it shows in the counts. */
export function counting(name: string, { tables = [name], ddl, reset }: CountingOptions = {}): Projection {
  return defineProjection<EventShape>()({
    name,
    schema: ddl ?? tables.map((table) => `CREATE TABLE IF NOT EXISTS ${table} ${COUNT_COLUMNS};`).join('\n'),
    tables: Object.fromEntries(tables.map((table) => [table, { key: ['stream'] }])),
    on: {
      Noted: ({ aggregateId }) =>
        tables.map((table) => upsert(table, { stream: aggregateId, events: increment(1) }, { conflict: ['stream'] })),
    },
    ...(reset && { reset }),
  });
}

export interface StateOfTables {
  readonly cursor: bigint;
  readonly refused: string | null;
  readonly alarm: string | null;
}

/** A database with a store whose events are all of stream `a`. */
export interface CountingStore extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly sql: Sql;
  append(count: number): Promise<void>;
  /** The rows of a table that counts every event. */
  all(): readonly { readonly stream: string; readonly events: bigint }[];
  start(projections: readonly Projection[], options?: Partial<DaemonOptions>): Promise<Daemon>;
  /** Applies every event, and stops. */
  fill(...projections: readonly Projection[]): Promise<void>;
  rowsOf(table: string): Promise<readonly object[]>;
  stateOf(name: string): Promise<StateOfTables | undefined>;
  /** Waits until the projection stands still as refused; returns the reason. */
  untilRefused(daemon: Daemon, name: string): Promise<string>;
}

export async function openCountingStore(): Promise<CountingStore> {
  const database = await createTestDatabase();
  const sql = connect({ address: { url: database.url }, applicationName: 'test', max: 4 });
  await migrate(sql, { schema: 'public', notify: true, projections: [] });
  let appended = 0;
  const store: CountingStore = {
    database,
    sql,
    append: async (count) => {
      await append(sql, noted('a', appended + 1, count));
      appended += count;
    },
    all: () => [{ stream: 'a', events: BigInt(appended) }],
    start: (projections, options) => startDaemon(database, projections, options),
    fill: async (...projections) => {
      await using daemon = await store.start(projections);
      await untilCaughtUp(daemon, sql);
    },
    rowsOf: async (table) => [...(await sql.unsafe<object[]>(`SELECT * FROM ${table} ORDER BY 1`))],
    stateOf: async (name) => {
      const [row] = await sql<
        StateOfTables[]
      >`SELECT cursor, refused, alarm FROM projection_state WHERE name = ${name}`;
      return row;
    },
    untilRefused: async (daemon, name) => {
      const { detail } = await untilStatus(daemon, name, ({ substate }) => substate === 'failed.halted');
      return detail ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 });
      await database.drop();
    },
  };
  await store.append(3);
  return store;
}
