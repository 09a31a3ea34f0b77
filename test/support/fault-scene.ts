import { expect } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { createDaemon, type Daemon, type DaemonOptions, type Projection } from '../../src/index.ts';
import type { DatabaseAddress, Sql } from '../../src/postgres/pool.ts';
import { appendInBatches, take } from './appender.ts';
import { createTestDatabase } from './database.ts';
import { openStore, untilCaughtUp } from './engine.ts';
import { startProxy, type TestProxy } from './proxy.ts';
import { capturingLog } from './scene.ts';
import { watchUncaught } from './uncaught.ts';
import { checkWitnesses, onSnapshot, witnesses } from './witnesses.ts';

/** The witness projections on an event store, and daemons that connect to it through a proxy only. */
export interface FaultScene extends AsyncDisposable {
  readonly proxy: TestProxy;
  /** A pool of the test, which connects without the proxy. */
  readonly sql: Sql;
  readonly log: ReturnType<typeof capturingLog>;
  /** The log lines without those of level debug. */
  lines(): readonly string[];
  /** The next events of one history. */
  append(events: number): Promise<void>;
  start(options?: Partial<DaemonOptions>): Promise<Daemon>;
  /** Expects that every event is applied, all rows are right, and no error was uncaught. */
  expectExact(daemon: Daemon, timeout?: number): Promise<void>;
}

/** The database of a scene. By default a new one on the server of the run. */
export interface SceneDatabase {
  readonly address: DatabaseAddress;
  readonly target: { readonly host: string; readonly port: number };
  /** The address of the same database through a port of 127.0.0.1. */
  through(port: number): DatabaseAddress;
  close(): Promise<void>;
}

export async function openFaultScene(
  options: { readonly database?: SceneDatabase; readonly more?: readonly Projection[] } = {},
): Promise<FaultScene> {
  const projections = [...witnesses, ...(options.more ?? [])];
  const own = options.database ?? (await createSceneDatabase());
  const sql = await openStore(own.address, projections);
  const proxy = await startProxy(own.target);
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
      const database = own.through(proxy.port);
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
      // Restores the network, so that each daemon can close its sessions.
      proxy.weather();
      await Promise.allSettled(daemons.map((daemon) => daemon.stop()));
      await proxy[Symbol.asyncDispose]();
      await sql.end({ timeout: 1 });
      uncaught.stop();
      await own.close();
    },
  };
}

async function createSceneDatabase(): Promise<SceneDatabase> {
  const database = await createTestDatabase();
  const through = (port: number): DatabaseAddress => {
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(port);
    return { url: url.href };
  };
  return { address: { url: database.url }, target: database.connection, through, close: database.drop };
}
