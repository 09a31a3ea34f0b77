import { expect } from 'vitest';
import { generateHistory, type HistoryEvent } from '../../examples/dancefinder/history.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { createDaemon, type Daemon, type DaemonOptions, type Projection } from '../../src/index.ts';
import { connect, type DatabaseAddress, type Sql } from '../../src/postgres/pool.ts';
import { register } from '../../src/state/register.ts';
import { appendInBatches } from './appender.ts';
import { createTestDatabase } from './database.ts';
import { untilCaughtUp } from './engine.ts';
import { startProxy, type TestProxy } from './proxy.ts';
import { capturingLog } from './scene.ts';
import { watchUncaught } from './uncaught.ts';
import { checkWitnesses, onSnapshot, witnesses } from './witnesses.ts';

/** The witnesses over an event store, and daemons that reach it through a proxy only. */
export interface FaultScene extends AsyncDisposable {
  readonly proxy: TestProxy;
  /** Straight to the database, for the test. */
  readonly sql: Sql;
  readonly log: ReturnType<typeof capturingLog>;
  /** Lines a person would see, debug left out. */
  lines(): readonly string[];
  /** The next events of one history. */
  append(events: number): Promise<void>;
  start(options?: Partial<DaemonOptions>): Promise<Daemon>;
  /** Everything is applied, all rows are right, and nothing was rejected or thrown that nobody caught. */
  expectExact(daemon: Daemon, timeout?: number): Promise<void>;
}

/** Where the scene plays: by default in a database of its own on the run's server. */
export interface Stage {
  readonly address: DatabaseAddress;
  readonly target: { readonly host: string; readonly port: number };
  /** The same database by way of a port of 127.0.0.1. */
  through(port: number): DatabaseAddress;
  close(): Promise<void>;
}

export async function openFaultScene(
  options: { readonly stage?: Stage; readonly more?: readonly Projection[] } = {},
): Promise<FaultScene> {
  const projections = [...witnesses, ...(options.more ?? [])];
  const stage = options.stage ?? (await databaseStage());
  const sql = connect({ address: stage.address, applicationName: 'test', max: 6 });
  await migrate(sql, { schema: 'public', notify: true, projections });
  await register(sql, projections);
  const proxy = await startProxy(stage.target);
  const history = generateHistory({ seed: 1, events: Number.POSITIVE_INFINITY });
  const log = capturingLog();
  const uncaught = watchUncaught();
  const daemons: Daemon[] = [];
  return {
    proxy,
    sql,
    log,
    lines: () => log.lines.filter(({ level }) => level !== 'debug').map(({ level, message }) => `${level} ${message}`),
    append: async (events) => {
      await appendInBatches(sql, take(history, events), { size: 50 });
    },
    start: async (more = {}) => {
      const database = stage.through(proxy.port);
      const daemon = createDaemon({ projections, database, log, retryFailedAfterMs: 20, ...more });
      daemons.push(daemon);
      await daemon.start();
      return daemon;
    },
    expectExact: async (daemon, timeout = 30_000) => {
      await untilCaughtUp(daemon, sql, daemon.names, timeout);
      expect(await onSnapshot(sql, checkWitnesses)).toEqual([]);
      expect(daemon.ready()).toBe(true);
      expect(uncaught.seen).toEqual([]);
    },
    [Symbol.asyncDispose]: async () => {
      // Whatever the test did to the network, the daemon must be able to say goodbye.
      proxy.weather();
      await Promise.allSettled(daemons.map((daemon) => daemon.stop()));
      await proxy[Symbol.asyncDispose]();
      await sql.end({ timeout: 1 });
      uncaught.stop();
      await stage.close();
    },
  };
}

async function databaseStage(): Promise<Stage> {
  const database = await createTestDatabase();
  const through = (port: number): DatabaseAddress => {
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    return { url: url.href };
  };
  return { address: { url: database.url }, target: database.connection, through, close: database.drop };
}

function take(history: Iterator<HistoryEvent>, count: number): readonly HistoryEvent[] {
  return Array.from({ length: count }, () => history.next()).flatMap(({ done, value }) =>
    done === true ? [] : [value as HistoryEvent],
  );
}
