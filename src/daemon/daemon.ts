import { hostname } from 'node:os';
import { interval, NEVER, type Subscription } from 'rxjs';
import type { Actor } from 'xstate';
import type { daemonMachine } from '../../machines/daemon.ts';
import type { BrokerStatus } from '../core/broker.ts';
import { atMost } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import { type Log, silentLog } from '../core/log.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { ProjectionStatus } from '../core/status.ts';
import { type TableOwners, tableOwners } from '../core/table-owners.ts';
import { createHighWaterMarkReader } from '../event-store/high-water-mark.ts';
import { type WakeupCounts, WakeupMetrics } from '../feed/wakeup-metrics.ts';
import type { PollResult } from '../feed/wakeups.ts';
import { CommandInbox } from '../operations/command-inbox.ts';
import { FailureService } from '../operations/dry-run/failure-service.ts';
import type { HandlerOrigin } from '../projector/handler-origin.ts';
import { createHighWaterMarkCache, type HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import { createLatencyHistogram, readLatencies } from '../projector/latency.ts';
import { haltForUncaughtError } from '../projector/uncaught-error-halt.ts';
import { type Heartbeat, readHeartbeat } from '../state/heartbeat.ts';
import { type ActorsOptions, childOf, startActors, type Worker } from './actors.ts';
import type { DaemonPort, Transition } from './api.ts';
import { type BackgroundTasks, startBackgroundTasks } from './background-tasks.ts';
import { type Broker, startBroker } from './broker-pushes.ts';
import { flush, flushCheckpoints } from './checkpoint-flush.ts';
import { DatabaseAvailability } from './database-availability.ts';
import { drained } from './drained.ts';
import { startFeed } from './feed.ts';
import { type Health, healthOf } from './health.ts';
import { type DaemonMetrics, type MetricSources, readMetrics } from './metrics.ts';
import { DaemonOperations, type OperatingParts } from './operations.ts';
import type { DaemonOptions } from './options.ts';
import { closePools, openPools, type Pools } from './pools.ts';
import { prepareDatabase } from './prepare-database.ts';
import type { RunningPublisher } from './publisher-port.ts';
import { readStatuses } from './read-statuses.ts';
import { StateCache } from './state-cache.ts';
import { watchTransitions } from './transition-observer.ts';
import { packageVersion } from './version.ts';

/** A daemon that has not started yet; nothing is connected. @throws EngineError TABLE_SHARED, PROJECTION_INVALID */
export function createDaemon(options: DaemonOptions): Daemon {
  return new Daemon(options);
}

/** Runs one actor per projection over one event store. `start` and `stop` once each; `stop` at any time. */
export class Daemon extends DaemonOperations implements DaemonPort, AsyncDisposable {
  readonly id: string;
  readonly names: readonly string[];
  readonly #options: DaemonOptions;
  readonly #log: Log;
  readonly #owners: TableOwners;
  readonly #listeners = new Set<(change: Transition) => void>();
  readonly #workers = new Map<string, Worker>();
  readonly #subscriptions: Subscription[] = [];
  readonly #stored: StateCache;
  readonly #hints = new WakeupMetrics();
  readonly #latency = createLatencyHistogram();
  readonly #databaseError: DatabaseAvailability;
  readonly #failures: FailureService;
  #pools: Pools | null = null;
  #highWaterMark: HighWaterMarkCache | null = null;
  #tasks: BackgroundTasks | null = null;
  #inbox: CommandInbox | null = null;
  #publisher: RunningPublisher | null = null;
  #root: Actor<typeof daemonMachine> | null = null;
  #broker: Broker | null = null;
  readonly #ending = new AbortController();
  #stopping: Promise<void> | null = null;

  constructor(options: DaemonOptions) {
    super();
    this.#options = options;
    this.#log = options.log ?? silentLog;
    const examine = () => void this.#tasks?.store.examine();
    this.#databaseError = new DatabaseAvailability(this.#log, examine, () => {
      for (const name of this.names) this.#child(name)?.send({ type: 'DATABASE_BACK' });
    });
    this.#owners = tableOwners(options.projections);
    this.#stored = new StateCache(options.databaseTrouble);
    const environment = { schema: 'public', version: packageVersion(), ...options };
    this.#failures = new FailureService(environment, () => this.#pools?.views ?? null);
    this.id = options.id ?? `${hostname()}:${process.pid}`;
    this.names = options.projections.map(({ name }) => name);
  }

  /**
   * Checks and migrates the database, registers the projections and sets them going; resolves when they are running, not
   * when they have caught up.
   * @throws EngineError whatever makes this database unusable; nothing runs then
   */
  async start(): Promise<void> {
    const { database, schema = 'public', extensionSchemas, projections, notify = true } = this.#options;
    const { broker = null, patience = {}, secondStore = false } = this.#options;
    const own = { database, schema, extensionSchemas, projections, id: this.id };
    const pools = openPools({ ...own, patience, onControlClosed: () => this.#highWaterMark?.invalidate() });
    this.#pools = pools;
    const { signal } = this.#ending;
    const preparing = { ...own, owners: this.#owners, notify, secondStore, log: this.#log, signal };
    const starts = await prepareDatabase(pools, preparing).catch(async (error: unknown) => {
      await this.stop();
      throw error;
    });
    // Stopped meanwhile: what began now would have nobody to end it.
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    const heard = ({ summaries, pending }: Heartbeat): void => {
      this.#tasks?.rows.heard(summaries);
      this.#inbox?.heartbeat(pending);
    };
    const reader = createHighWaterMarkReader(pools.control);
    const read = () => readHeartbeat(pools.control);
    const highWaterMark = createHighWaterMarkCache(reader, read, projections, heard, this.#log);
    this.#highWaterMark = highWaterMark;
    this.#tasks = startBackgroundTasks({
      daemon: this.#options,
      id: this.id,
      pools,
      names: this.names,
      owners: this.#owners,
      workers: this.#workers,
      highWaterMark,
      snapshot: this.#snapshot,
      wake: (name) => this.#child(name)?.send({ type: 'WAKE' }),
      reopen: (name) => this.#child(name)?.send({ type: 'REOPEN' }),
      log: this.#log,
    });
    this.#root = this.#startActors(highWaterMark, pools, starts);
    this.#inbox = this.#openInbox(pools);
    this.#publisher = this.#options.publisher?.({ ...own, owner: this.id, highWaterMark, log: this.#log }) ?? null;
    if (broker !== null) {
      const reset = (name: string) => this.send(name, 'RESET', { by: 'broker' });
      this.#broker = startBroker({ ...broker, id: this.id, projections, reset, hints: this.#hints, log: this.#log });
    }
    this.#subscriptions.push(
      flushCheckpoints(this.#workers, this.#tasks.idle),
      startFeed({
        ...this.#options,
        highWaterMark,
        listener: pools.control,
        schema,
        push$: this.#broker?.push$ ?? NEVER,
        log: this.#log,
        onPoll: (poll) => this.#deliver(poll),
        onDatabaseError: this.#databaseError.refused,
        onAnswer: this.#databaseError.answered,
      }),
      interval(1000).subscribe(this.#tasks.check),
    );
  }

  #openInbox({ views }: Pools): CommandInbox {
    const { id, names } = this;
    const inbox = new CommandInbox({ sql: views, id, names, child: this.#child, log: this.#log });
    inbox.start();
    return inbox;
  }

  #startActors(highWaterMark: HighWaterMarkCache, pools: Pools, starts: ActorsOptions['starts']) {
    return startActors({
      daemon: this.#options,
      owner: this.id,
      owners: this.#owners,
      pools,
      highWaterMark,
      latency: this.#latency,
      workers: this.#workers,
      starts,
      inspect: watchTransitions((change) => this.#announce(change), this.#log),
      onScanned: () => this.#tasks?.waits.check(),
      onReset: () => void this.#tasks?.rows.poll(),
      log: this.#log,
    });
  }

  #deliver(poll: PollResult): void {
    this.#hints.polled(poll);
    if (poll.again) this.#tasks?.store.forget();
    if (poll.source === 'schedule') {
      void this.#tasks?.store.poll(poll.head);
      void this.#inbox?.tidy();
    }
    if (poll.source === 'heartbeat')
      this.#log.debug({ from: String(poll.from), to: String(poll.head) }, 'found by the heartbeat, no hint came');
    this.#tasks?.dispatcher.deliver(poll);
    this.#publisher?.wake();
  }

  #announce(change: Transition): void {
    this.#tasks?.heard(change);
    for (const listener of this.#listeners) listener(change);
  }

  readonly #child = (name: string) => childOf(this.#root, name);
  readonly #snapshot = (name: string) => this.#child(name)?.getSnapshot() ?? null;

  protected operating(): OperatingParts {
    const [pools, inbox] = [this.#running(this.#pools), this.#running(this.#inbox)];
    const [tasks, highWaterMark] = [this.#running(this.#tasks), this.#running(this.#highWaterMark)];
    const { id, names } = this;
    const { projections } = this.#options;
    return { id, projections, names, pools, inbox, tasks, highWaterMark, failures: this.#failures };
  }

  protected refuseWhileStopping(): void {
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
  }

  #running<T>(part: T | null): T {
    if (part === null) throw new EngineError(this.#stopping === null ? 'DAEMON_STARTING' : 'DAEMON_STOPPED');
    return part;
  }

  async status(): Promise<readonly ProjectionStatus[]> {
    return (await readStatuses(this.#sources())).projections;
  }

  readonly publisher = async (): Promise<PublisherStatus | null> =>
    this.#publisher === null ? null : (await this.metrics()).publisher;

  readonly metrics = async (): Promise<DaemonMetrics> => await readMetrics(this.#sources());

  #sources(): MetricSources {
    const pools = this.#running(this.#pools);
    return {
      projections: this.#options.projections,
      sql: pools.views,
      pools,
      stored: this.#stored,
      highWaterMark: this.#running(this.#highWaterMark),
      workers: this.#workers,
      snapshot: this.#snapshot,
      storeProblem: this.storeProblem(),
      backingOffSince: (name) => this.#tasks?.backingOff.since(name) ?? null,
      owner: this.id,
      databaseError: this.#databaseError,
      latency: this.#latency,
      hints: this.#hints,
      broker: this.#broker,
      publisher: this.#publisher,
    };
  }

  /** Halts the projection whose handler left this error behind: see `findCulprit`. */
  async halt(culprit: HandlerOrigin, error: unknown): Promise<void> {
    const { operators: sql } = this.#running(this.#pools);
    const wake = () => this.#child(culprit.projection)?.send({ type: 'WAKE' });
    await haltForUncaughtError({ sql, log: this.#log, workers: this.#workers, wake }, culprit, error);
  }

  readonly storeProblem = () => this.#tasks?.store.problem() ?? this.#databaseError.detail;
  readonly unhandled = () => this.#highWaterMark?.unhandled() ?? [];
  readonly instanceEvents = () => this.#highWaterMark?.instanceEvents() ?? null;
  readonly backingOff = () => this.#tasks?.backingOff.lasting() ?? [];
  readonly health = (): Health => healthOf(this.#workers, this.#root?.getSnapshot().status !== 'error');
  readonly ready = (): boolean =>
    this.#root?.getSnapshot().status === 'active' && this.#stopping === null && !this.#databaseError.away;
  readonly broker = (): BrokerStatus | null => this.#broker?.status() ?? null;
  /** How projections were woken, and what no hint announced, since the start. */
  readonly hints = (): WakeupCounts => this.#hints.metrics(this.#highWaterMark?.latest() ?? 0n);
  readonly latency = () => readLatencies(this.#latency);

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
    this.#ending.abort();
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    this.#tasks?.waits.stop();
    const farewell = Promise.all([this.#broker?.stop(), this.#publisher?.stop(), this.#failures.stop()]);
    const root = this.#root;
    if (root !== null) {
      root.send({ type: 'STOP' });
      await drained(root);
      root.stop();
    }
    // Last words to a database that may not answer any more: bounded, here and below.
    await atMost(2000, Promise.all([this.#inbox?.stop(), this.#tasks?.halts.stop()]));
    await farewell;
    const pools = this.#pools;
    if (pools === null) return;
    // What was passed over since the last second; losing it would only mean looking at those events again.
    if (root !== null && this.#tasks !== null) await flush(this.#workers, this.#tasks.idle).catch(() => 0);
    await atMost(2000, this.#tasks?.transitions.stop());
    await closePools(pools);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
