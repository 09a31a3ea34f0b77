import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient } from 'pg';
import { type Clock, systemClock } from '../core/clock.ts';
import { abandon, isWellCancelled, settlingOf, watchAnswers } from './answer-watch.ts';
import { socketOf } from './driver.ts';
import { isConnectionLost, isStalePlan } from './errors.ts';
import { type Listening, listen } from './listen.ts';
import { watchEvictions } from './prepared-query.ts';
import { resultTypes } from './result-types.ts';
import { type Queryable, queryable, runTransaction, sendAlone, type Tx, toError } from './session.ts';
import { SettingsRefused, sessionClient } from './session-client.ts';
import { runInOneRoundTrip } from './single-round-trip.ts';
import { type Rendered, Statement } from './sql.ts';
import { describeUrl, urlConfig } from './tls.ts';

export type { Queryable, Tx } from './session.ts';

/** Address of the database: a URL, or host, port, user and database of a private server. */
export type DatabaseAddress =
  | { readonly url: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface ConnectOptions {
  readonly address: DatabaseAddress;
  /** Schema of all tables of the engine and of the projections. Default `public`. */
  readonly schema?: string;
  /** Further schemas of the search path, which hold extensions. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Maximum number of connections. */
  readonly max: number;
  /**
   * Milliseconds until an answer counts as lost. The statement is then cancelled at the server. Without this bound, a peer
   * that vanished without closing the connection is noticed only by the time-out of TCP. Default: no bound, for statements
   * that may take any time.
   */
  readonly answerWithinMs?: number;
  /** Milliseconds until an attempt to connect fails. Default 5000. */
  readonly connectWithinMs?: number;
  /** Milliseconds between two pings over a connection that listens. Default 10000. */
  readonly pingEveryMs?: number;
  /** Called when a connection of the pool has closed, in use or not. */
  readonly onClose?: () => void;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** The connections of a pool, the callers that wait for one, and its evicted plans. */
export interface PoolCounts {
  readonly busy: number;
  readonly idle: number;
  readonly waiting: number;
  /** Prepared statements that were closed to make room for others, since the start. Many of them mean repeated planning. */
  readonly evicted: number;
}

/** A pool of connections. If all are in use, a caller waits until one is free; callers are served in order. */
export interface Sql extends Queryable {
  /** The schema of our tables, and the schemas of extensions. */
  readonly path: { readonly schema: string; readonly extensionSchemas: readonly string[] };
  /**
   * Runs `work` in a transaction: COMMIT when it resolves, ROLLBACK when it rejects. `options` are those of BEGIN; default
   * READ COMMITTED.
   * @throws the error of `work`; EngineError COMMIT_REFUSED; an error of the connection, after which the outcome is unknown
   */
  begin<T>(work: (tx: Tx) => Promise<T> | T): Promise<T>;
  begin<T>(options: string, work: (tx: Tx) => Promise<T> | T): Promise<T>;
  /**
   * Runs a transaction in one round trip, from statements that are known beforehand and whose rows are not needed. COMMIT is
   * sent with them, and the server runs it only if all of them succeed. Do not await a statement that is passed here.
   * @throws the first error of the server, after everything was rolled back; an error of the connection, after which the
   *   outcome is unknown
   */
  singleRoundTrip(options: string, statements: readonly (Statement | Rendered)[]): Promise<void>;
  /** Runs `work` on one connection, without a transaction. Its statements are sent without waiting for each other. */
  session<T>(work: (one: Queryable) => Promise<T> | T): Promise<T>;
  /** Listens to a channel on a connection of its own, which is replaced when it is lost: see `listen`. */
  listen(channel: string, onNotify: (payload: string) => void, onListen?: () => void): Listening;
  counts(): PoolCounts;
  /** Waits for running statements, at most `timeout` seconds (default 5), then closes all connections. Idempotent. */
  end(options?: { readonly timeout?: number }): Promise<void>;
}

/** Makes a pool, which connects when it is first used. Close it with `end`. */
export function connect(options: ConnectOptions): Sql {
  const { allowsPlain, ...config } = clientConfig(options);
  const { schema = 'public', extensionSchemas = [], connectWithinMs = 5000, clock = systemClock } = options;
  const path = { schema, extensionSchemas };
  const Session = sessionClient({ ...path, connectWithinMs, allowsPlain, clock });
  // The pool has no time-out of its own: waiting for a free connection is no failure.
  const pool = new Pool({ ...config, Client: Session, max: options.max, idleTimeoutMillis: 0 });
  const closing = new Map<ClientBase, Promise<void>>();
  let evicted = 0;
  // The pool removes an unused connection that breaks. Without a listener the error event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    if (options.answerWithinMs !== undefined) watchAnswers(client, options.answerWithinMs, clock);
    watchEvictions(client, () => {
      evicted += 1;
    });
    closing.set(client, new Promise((resolve) => client.on('end', resolve)));
  });
  pool.on('remove', (client) => {
    void closing.get(client)?.then(() => closing.delete(client));
    options.onClose?.();
  });
  const dropUnused = trackUnused(pool);
  const withClient = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> =>
    await useConnection(pool, work, dropUnused);
  const begin = async <T>(settings: string, work: (tx: Tx) => Promise<T> | T): Promise<T> =>
    await withClient((client) => runTransaction(client, settings, work));
  let ended: Promise<void> | null = null;
  return Object.assign(
    queryable(async (rendered, how) => (await withClient((client) => sendAlone(client, rendered, how))).rows),
    {
      path,
      begin: <T>(first: string | ((tx: Tx) => Promise<T> | T), second?: (tx: Tx) => Promise<T> | T): Promise<T> =>
        typeof first === 'string' ? begin(first, second ?? nothing) : begin('', first),
      session: <T>(work: (one: Queryable) => Promise<T> | T): Promise<T> =>
        withClient(
          async (client) =>
            await work(queryable(async (rendered, how) => (await sendAlone(client, rendered, how)).rows)),
        ),
      singleRoundTrip: async (settings: string, statements: readonly (Statement | Rendered)[]): Promise<void> => {
        const rendered = statements.map((one) => (one instanceof Statement ? one.rendered() : one));
        await withClient((client) => runInOneRoundTrip(client, settings, rendered));
      },
      listen: (channel: string, onNotify: (payload: string) => void, onListen = () => undefined) => {
        const { pingEveryMs = 10_000, answerWithinMs = 5000 } = options;
        return listen(() => new Session(config), { channel, onNotify, onListen, pingEveryMs, answerWithinMs, clock });
      },
      counts: () => ({
        busy: pool.totalCount - pool.idleCount,
        idle: pool.idleCount,
        waiting: pool.waitingCount,
        evicted,
      }),
      end: ({ timeout = 5 }: { readonly timeout?: number } = {}) => {
        ended ??= endPool(pool, closing, timeout * 1000, clock);
        return ended;
      },
    },
  );
}

function nothing(): never {
  throw new TypeError('begin needs a function that makes the statements');
}

/** Gives a connection back to the pool only if it can be used again: alive, outside of any transaction, its plans valid. */
async function useConnection<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  dropUnused: () => void,
): Promise<T> {
  const client = await take(pool);
  let unusable = false;
  try {
    return await work(client);
  } catch (error) {
    const lost = isConnectionLost(error) && !isWellCancelled(error);
    if (lost) dropUnused();
    unusable = lost || isStalePlan(error);
    throw error;
  } finally {
    const settling = settlingOf(client);
    if (settling === null) client.release(unusable || client.getTransactionStatus() !== 'I');
    // The connection keeps its slot until the server has ended the cancelled statements. The caller need not wait for that.
    else void settling.then((reusable) => client.release(!reusable));
  }
}

/** Takes a connection. Skips those that were closed a moment ago, which the pool still gives until it has noticed. */
async function take(pool: Pool): Promise<PoolClient> {
  for (;;) {
    const client = await pool.connect().catch((error: unknown) => {
      if (error instanceof SettingsRefused) return null;
      throw error instanceof Error ? toError(error) : error;
    });
    if (client === null) continue;
    if (!(client instanceof Client && socketOf(client).destroyed)) return client;
    client.release(true);
  }
}

/**
 * Returns a function that closes the unused connections of a pool. When one connection is lost, the others usually are
 * too, and each of them would otherwise take its whole answer time to be noticed.
 */
function trackUnused(pool: Pool): () => void {
  const unused = new Set<ClientBase>();
  pool.on('acquire', (client) => unused.delete(client));
  pool.on('release', (_, client) => unused.add(client));
  pool.on('remove', (client) => unused.delete(client));
  return () => {
    for (const client of unused) destroy(client);
  };
}

function destroy(client: ClientBase): void {
  if (client instanceof Client) socketOf(client).destroy();
}

/** A statement that still runs after the time-out loses its connection, and its caller gets that error. */
async function endPool(
  pool: Pool,
  closing: ReadonlyMap<ClientBase, Promise<void>>,
  ms: number,
  clock: Clock,
): Promise<void> {
  const cancelTimer = clock.later(ms, () => {
    for (const client of closing.keys()) void abandon(client, clock);
  });
  await pool.end();
  await Promise.all(closing.values());
  cancelTimer();
}

function clientConfig({ address, applicationName }: ConnectOptions): ClientConfig & { readonly allowsPlain: boolean } {
  // The private server has no TLS, so PGSSLMODE must not apply to it.
  const { config, allowsPlain } =
    'url' in address ? urlConfig(address.url) : { config: { ...address, ssl: false }, allowsPlain: false };
  return {
    ...config,
    allowsPlain,
    application_name: applicationName.slice(0, 63),
    types: resultTypes,
    pipeline: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** Host, port and database for messages, without user or password. */
export function describeAddress(address: DatabaseAddress): string {
  if (!('url' in address)) return `${address.host} (private server)`;
  return describeUrl(address.url);
}
