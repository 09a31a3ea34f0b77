import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient } from 'pg';
import { abandon, isWellCancelled, settlingOf, watchAnswers } from './answer-watch.ts';
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

/** Where the database is: a URL, or what the private server of this process says. */
export type DatabaseAddress =
  | { readonly url: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface ConnectOptions {
  readonly address: DatabaseAddress;
  /** Schema of all tables of the engine and of the projections. Default public. */
  readonly schema?: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max: number;
  /**
   * Milliseconds until an answer counts as lost: a peer that is gone without a word would be waited for until TCP gives
   * up. What is given up is cancelled at the server. Default: for ever, for statements that may take any time.
   */
  readonly answerWithinMs?: number;
  /** Milliseconds until an attempt to connect has failed. Default 5000. */
  readonly connectWithinMs?: number;
  /** Milliseconds between two signs of life over a connection that listens. Default 10000. */
  readonly pingEveryMs?: number;
  /** Called when one of them has closed, in use or not. */
  readonly onClose?: () => void;
}

/** The connections of a pool, and who waits for one. */
export interface PoolCounts {
  readonly busy: number;
  readonly idle: number;
  readonly waiting: number;
  /** Prepared statements that were closed to make room for others, since the start. Often: their plans are made anew. */
  readonly evicted: number;
}

/** A pool of connections. Whoever asks for one while all are in use waits for its turn. */
export interface Sql extends Queryable {
  /** The schema of ours, and those of extensions. */
  readonly path: { readonly schema: string; readonly extensionSchemas: readonly string[] };
  /**
   * Runs `work` in a transaction: COMMIT when it resolves, ROLLBACK when it rejects. `options` as after BEGIN.
   * @throws what `work` throws; COMMIT_REFUSED; an error of the connection, after which the outcome is unknown
   */
  begin<T>(work: (tx: Tx) => Promise<T> | T): Promise<T>;
  begin<T>(options: string, work: (tx: Tx) => Promise<T> | T): Promise<T>;
  /**
   * A transaction of statements that are known beforehand and whose rows nobody wants, in one round trip: COMMIT is sent
   * with them, and carried out where all of them went well. A statement given here is not to be awaited.
   * @throws the first error of the server, everything rolled back; one of the connection: the outcome is unknown
   */
  singleRoundTrip(options: string, statements: readonly (Statement | Rendered)[]): Promise<void>;
  /** Runs `work` on one connection, without a transaction. Its statements are sent without waiting for each other. */
  session<T>(work: (one: Queryable) => Promise<T> | T): Promise<T>;
  /** Listens to a channel on a connection of its own, which comes back by itself: see `listen`. */
  listen(channel: string, onNotify: (payload: string) => void, onListen?: () => void): Listening;
  counts(): PoolCounts;
  /** Waits for what is running, `timeout` seconds at most; then everything is closed. Idempotent. */
  end(options?: { readonly timeout?: number }): Promise<void>;
}

/** A pool that connects when first used. Close it with `end`. */
export function connect(options: ConnectOptions): Sql {
  const { plainWillDo, ...config } = clientConfig(options);
  const { schema = 'public', extensionSchemas = [], connectWithinMs = 5000 } = options;
  const path = { schema, extensionSchemas };
  const Session = sessionClient({ ...path, connectWithinMs, plainWillDo });
  // No time-out of the pool's own: waiting for a turn is not a failure.
  const pool = new Pool({ ...config, Client: Session, max: options.max, idleTimeoutMillis: 0 });
  const closing = new Map<ClientBase, Promise<void>>();
  let evicted = 0;
  // A connection that breaks while nobody uses it is removed by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    if (options.answerWithinMs !== undefined) watchAnswers(client, options.answerWithinMs);
    watchEvictions(client, () => {
      evicted += 1;
    });
    closing.set(client, new Promise((resolve) => client.on('end', resolve)));
  });
  pool.on('remove', (client) => {
    void closing.get(client)?.then(() => closing.delete(client));
    options.onClose?.();
  });
  const dropUnused = unusedOf(pool);
  const withClient = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> =>
    await guardTransaction(pool, work, dropUnused);
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
        return listen(() => new Session(config), { channel, onNotify, onListen, pingEveryMs, answerWithinMs });
      },
      counts: () => ({
        busy: pool.totalCount - pool.idleCount,
        idle: pool.idleCount,
        waiting: pool.waitingCount,
        evicted,
      }),
      end: ({ timeout = 5 }: { readonly timeout?: number } = {}) => {
        ended ??= endPool(pool, closing, timeout * 1000);
        return ended;
      },
    },
  );
}

function nothing(): never {
  throw new TypeError('begin needs something to do');
}

/**
 * A connection goes back to the pool only if it is fit for anybody: alive, outside of any transaction, its plans valid.
 */
async function guardTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  dropUnused: () => void,
): Promise<T> {
  const client = await take(pool);
  let unfit = false;
  try {
    return await work(client);
  } catch (error) {
    const lost = isConnectionLost(error) && !isWellCancelled(error);
    if (lost) dropUnused();
    unfit = lost || isStalePlan(error);
    throw error;
  } finally {
    const settling = settlingOf(client);
    if (settling === null) client.release(unfit || client.getTransactionStatus() !== 'I');
    // Its place stays taken until the server is rid of what was given up. The caller need not wait for that.
    else void settling.then((fit) => client.release(!fit));
  }
}

/** The pool hands out a connection that was closed a moment ago until it has noticed. */
async function take(pool: Pool): Promise<PoolClient> {
  for (;;) {
    const client = await pool.connect().catch((error: unknown) => {
      if (error instanceof SettingsRefused) return null;
      throw error instanceof Error ? toError(error) : error;
    });
    if (client === null) continue;
    if (!(client instanceof Client && client.connection.stream.destroyed)) return client;
    client.release(true);
  }
}

/**
 * Closes the connections of a pool that nobody uses. When one is lost the others are hardly better, and to find that out
 * of each in turn would take its whole answer time.
 */
function unusedOf(pool: Pool): () => void {
  const unused = new Set<ClientBase>();
  pool.on('acquire', (client) => unused.delete(client));
  pool.on('release', (_, client) => unused.add(client));
  pool.on('remove', (client) => unused.delete(client));
  return () => {
    for (const client of unused) destroy(client);
  };
}

function destroy(client: ClientBase): void {
  if (client instanceof Client) client.connection.stream.destroy();
}

/** What still runs after the time-out loses its connection: whoever waits for it hears so. */
async function endPool(pool: Pool, closing: ReadonlyMap<ClientBase, Promise<void>>, ms: number): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of closing.keys()) void abandon(client);
  }, ms);
  await pool.end();
  await Promise.all(closing.values());
  clearTimeout(timer);
}

function clientConfig({ address, applicationName }: ConnectOptions): ClientConfig & { readonly plainWillDo: boolean } {
  // The private server has no TLS, whatever PGSSLMODE says.
  const { config, plainWillDo } =
    'url' in address ? urlConfig(address.url) : { config: { ...address, ssl: false }, plainWillDo: false };
  return {
    ...config,
    plainWillDo,
    application_name: applicationName.slice(0, 63),
    types: resultTypes,
    pipeline: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** For messages: where we tried to go, without user or password. */
export function describeAddress(address: DatabaseAddress): string {
  if (!('url' in address)) return `${address.host} (private server)`;
  return describeUrl(address.url);
}
