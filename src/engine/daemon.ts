import { hostname } from 'node:os';
import { NEVER, type Subscription } from 'rxjs';
import { type Actor, createActor, type SnapshotFrom } from 'xstate';
import { childId, daemonMachine, type ProjectionActor } from '../../machines/daemon.ts';
import type { BrokerStatus } from '../core/broker.ts';
import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../core/status.ts';
import { type TableOwners, tableOwners } from '../core/table-owners.ts';
import { type HintFigures, HintMetrics } from '../feed/hint-metrics.ts';
import type { Look } from '../feed/wakes.ts';
import { createAuditor } from '../store/audit.ts';
import { checkDatabase, checkStore } from '../store/checks.ts';
import type { Sql } from '../store/connect.ts';
import { createHeadReader } from '../store/head.ts';
import { register } from '../store/state.ts';
import { type Broker, startBroker } from './broker.ts';
import { checkTables } from './check-tables.ts';
import { sendCommand } from './command.ts';
import type { DaemonOptions } from './daemon-options.ts';
import type { DaemonPort, Transition } from './daemon-port.ts';
import { DatabaseTrouble } from './database-trouble.ts';
import { drained } from './drained.ts';
import { startFeed } from './feed.ts';
import { createHands } from './hands.ts';
import { createHeads, type Heads } from './heads.ts';
import { flush, storeIdleMoves } from './idle-moves.ts';
import { type Log, silentLog } from './log.ts';
import { closePools, migrateAtStart, openPools, type Pools } from './pools.ts';
import { Progress } from './progress.ts';
import type { RunningPublisher } from './publisher-port.ts';
import { Puller } from './puller.ts';
import { createResetWatch, type ResetWatch } from './reset-watch.ts';
import { toStatus } from './status.ts';
import { createStoreWatch, type StoreWatch } from './store-watch.ts';
import { StoredViews } from './stored-views.ts';
import { watchTransitions } from './transitions.ts';

const BACKOFF = { baseMs: 200, capMs: 30_000 } as const;
const DRAIN_MS = 10_000;
const FOLD_FROM = 10;

/** A daemon that has not started yet; nothing is connected. @throws EngineError TABLE_SHARED, PROJECTION_INVALID */
export function createDaemon(options: DaemonOptions): Daemon {
  return new Daemon(options);
}

/** Runs one actor per projection over one event store. `start` and `stop` once each; `stop` at any time. */
export class Daemon implements DaemonPort, AsyncDisposable {
  readonly id: string;
  readonly names: readonly string[];
  readonly #options: DaemonOptions;
  readonly #log: Log;
  readonly #owners: TableOwners;
  readonly #listeners = new Set<(change: Transition) => void>();
  readonly #pullers = new Map<string, Puller>();
  readonly #progress = new Map<string, Progress>();
  readonly #subscriptions: Subscription[] = [];
  readonly #stored: StoredViews;
  readonly #hints = new HintMetrics();
  readonly #trouble: DatabaseTrouble;
  #pools: Pools | null = null;
  #heads: Heads | null = null;
  #watch: StoreWatch | null = null;
  #resets: ResetWatch | null = null;
  #publisher: RunningPublisher | null = null;
  #root: Actor<typeof daemonMachine> | null = null;
  #broker: Broker | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#trouble = new DatabaseTrouble(this.#log);
    this.#owners = tableOwners(options.projections);
    this.#stored = new StoredViews(options.databaseTrouble);
    this.id = options.id ?? `${hostname()}:${process.pid}`;
    this.names = options.projections.map(({ name }) => name);
  }

  /**
   * Checks and migrates the database, registers the projections and sets them going; resolves when they are running, not
   * when they have caught up.
   * @throws EngineError whatever makes this database unusable; nothing runs then
   */
  async start(): Promise<void> {
    const { database, schema = 'public', projections, notify = true, broker = null, patience = {} } = this.#options;
    const own = { database, schema, projections, id: this.id };
    const pools = openPools({ ...own, patience, onControlClosed: () => this.#heads?.forget() });
    this.#pools = pools;
    try {
      await checkDatabase(pools.control, database);
      await migrateAtStart(own, notify);
      await checkStore(pools.control, { notify });
      await checkTables(pools.control, this.#owners);
      await register(pools.work, projections);
    } catch (error) {
      await this.stop();
      throw error;
    }
    // Stopped meanwhile: what began now would have nobody to end it.
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    const heads = createHeads(createHeadReader(pools.control), (resets) => this.#resets?.heard(resets));
    this.#heads = heads;
    this.#watch = createStoreWatch({
      auditor: createAuditor(pools.reader),
      check: () => checkStore(pools.reader, { notify }),
      log: this.#log,
    });
    this.#resets = createResetWatch({
      sql: pools.reader,
      pullers: this.#pullers,
      reopen: (name) => this.#child(name)?.send({ type: 'REOPEN' }),
      log: this.#log,
    });
    this.#root = this.#startActors(heads, pools);
    this.#publisher = this.#options.publisher?.({ database, schema, owner: this.id, heads, log: this.#log }) ?? null;
    if (broker !== null) {
      const reset = (name: string) => this.send(name, 'RESET');
      this.#broker = startBroker({ ...broker, id: this.id, projections, reset, hints: this.#hints, log: this.#log });
    }
    this.#subscriptions.push(
      storeIdleMoves(this.#pullers, { sql: pools.work, owner: this.id, log: this.#log, everyMs: 1000 }),
      this.#startFeed(heads, pools.control, schema),
    );
  }

  #startActors(heads: Heads, pools: Pools): Actor<typeof daemonMachine> {
    const { retries = 5, retryFailedAfterMs = 1000, bulkLimit = null, projections, failpoint } = this.#options;
    const settings = {
      sql: pools.work,
      owner: this.id,
      owners: this.#owners,
      maxAttempts: 1 + retries,
      statementTimeoutMs: 10_000,
      nextStatementMs: this.#options.patience?.nextStatementMs,
      foldFrom: FOLD_FROM,
      failpoint,
    };
    const now = () => performance.now();
    const inputs = projections.map((projection) => {
      const progress = new Progress(now);
      const puller = new Puller({
        projection,
        settings,
        reader: pools.reader,
        heads,
        pageSize: bulkLimit,
        progress,
        log: this.#log,
        now,
      });
      this.#progress.set(projection.name, progress);
      this.#pullers.set(projection.name, puller);
      return {
        name: projection.name,
        hands: createHands({
          projection,
          projections,
          puller,
          settings,
          log: this.#log,
          onReset: () => void this.#resets?.look(),
        }),
        retryFailedAfterMs,
        backoff: BACKOFF,
      };
    });
    const root = createActor(daemonMachine, {
      input: { projections: inputs, backoff: BACKOFF, drainMs: DRAIN_MS },
      inspect: watchTransitions((change) => this.#announce(change), this.#log),
    });
    // Without an observer for errors a bug in the supervisor would end the process as an uncaught exception.
    root.subscribe({ error: (error) => this.#log.error({ err: error }, 'the supervisor died; restart the daemon') });
    root.start();
    root.send({ type: 'START' });
    return root;
  }

  #startFeed(heads: Heads, listener: Sql, schema: string): Subscription {
    const { notify = true, requeueEveryMs = 60_000 } = this.#options;
    return startFeed({
      heads,
      listener,
      channel: notify ? `projectionist:${schema}` : null,
      push$: this.#broker?.push$ ?? NEVER,
      requeueEveryMs,
      log: this.#log,
      onLook: (look) => this.#deliver(look),
      onTrouble: this.#trouble.refused,
      onAnswer: this.#trouble.answered,
    });
  }

  #deliver(look: Look): void {
    this.#hints.looked(look);
    if (look.again) this.#watch?.forget();
    if (look.source === 'schedule') void this.#watch?.look(look.head);
    if (look.source === 'heartbeat')
      this.#log.debug({ from: String(look.from), to: String(look.head) }, 'found by the heartbeat, no hint came');
    for (const name of this.names) this.#child(name)?.send({ type: 'WAKE' });
    this.#publisher?.wake();
  }

  #announce(change: Transition): void {
    for (const listener of this.#listeners) listener(change);
  }

  #child(name: string): ProjectionActor | undefined {
    const children: SnapshotFrom<typeof daemonMachine>['children'] | undefined = this.#root?.getSnapshot().children;
    const child = children?.[childId(name)] as ProjectionActor | undefined;
    return child?.getSnapshot().status === 'active' ? child : undefined;
  }

  async send(
    name: string,
    event: OperatorEvent,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<CommandOutcome> {
    if (name === PUBLISHER_NAME) throw new EngineError('PUBLISHER_TAKES_NO_COMMANDS', { event });
    if (!this.names.includes(name)) throw new EngineError('PROJECTION_UNKNOWN', { name, known: this.names.join(', ') });
    const child = this.#child(name);
    if (child === undefined || this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    return await sendCommand(child, name, event, options);
  }

  async status(): Promise<readonly ProjectionStatus[]> {
    const pools = this.#pools;
    if (pools === null || this.#heads === null) throw new EngineError('DAEMON_STOPPED');
    // States first, then rows: a failure is stored before its projection is shown as failed, so it is never missing.
    const snapshots = new Map(this.names.map((name) => [name, this.#child(name)?.getSnapshot() ?? null]));
    const { views, failures, away } = await this.#stored.read(pools.work);
    const head = this.#heads.latest() ?? 0n;
    const holders = this.#heads.holders();
    return this.#options.projections.map(({ name, tables }) =>
      toStatus({
        name,
        tables: [...tables.keys()],
        snapshot: snapshots.get(name) ?? null,
        view: views.get(name),
        failure: failures.get(name) ?? null,
        scanned: this.#pullers.get(name)?.scanned(views.get(name)?.generation ?? 0n) ?? 0n,
        head,
        holders,
        storeProblem: away ?? this.#watch?.problem() ?? null,
        ratePerSecond: this.#progress.get(name)?.ratePerSecond ?? 0,
        owner: this.id,
      }),
    );
  }

  async publisher(): Promise<PublisherStatus | null> {
    return (await this.#publisher?.status()) ?? null;
  }

  healthy(): boolean {
    return this.#root?.getSnapshot().status === 'active' && this.#stopping === null && !this.#trouble.away;
  }

  broker(): BrokerStatus | null {
    return this.#broker?.status() ?? null;
  }

  /** How projections were woken, and what no hint announced, since the start. */
  hints(): HintFigures {
    return this.#hints.figures(this.#heads?.latest() ?? 0n);
  }

  onTransition(listener: (change: Transition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets every page in flight end, closes what was opened; resolves when nothing of the daemon is left. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    const farewell = Promise.all([this.#broker?.stop(), this.#publisher?.stop()]);
    const root = this.#root;
    if (root !== null) {
      root.send({ type: 'STOP' });
      await drained(root);
      root.stop();
    }
    await farewell;
    const pools = this.#pools;
    if (pools === null) return;
    // What was passed over since the last second; losing it would only mean looking at those events again.
    if (root !== null) await flush(this.#pullers, pools.work, this.id).catch(() => 0);
    await closePools(pools);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
