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
import { createHeadReader } from '../event-store/high-water-mark.ts';
import { type HintFigures, HintMetrics } from '../feed/wakeup-metrics.ts';
import type { Look } from '../feed/wakeups.ts';
import { CommandDesk } from '../operations/command-inbox.ts';
import { FailureDesk } from '../operations/dry-run/failure-service.ts';
import { haltCulprit } from '../projector/halt-culprit.ts';
import type { Culprit } from '../projector/handler-origin.ts';
import { createHeads, type Heads } from '../projector/high-water-mark-cache.ts';
import { type Heartbeat, readHeartbeat } from '../state/heartbeat.ts';
import { type ActorsOptions, childOf, startActors, type Worker } from './actors.ts';
import type { DaemonPort, Transition } from './api.ts';
import { createWatches, type Watches } from './background-tasks.ts';
import { type Broker, startBroker } from './broker-pushes.ts';
import { flush, storeIdleMoves } from './checkpoint-flush.ts';
import { DatabaseTrouble } from './database-availability.ts';
import { drained } from './drained.ts';
import { startFeed } from './feed.ts';
import { type Health, healthOf } from './health.ts';
import { type DaemonFigures, type FigureSources, readFigures } from './metrics.ts';
import { DaemonOperations, type OperatingParts } from './operations.ts';
import type { DaemonOptions } from './options.ts';
import { closePools, openPools, type Pools } from './pools.ts';
import { prepareDatabase } from './prepare-database.ts';
import type { RunningPublisher } from './publisher-port.ts';
import { readStatuses } from './read-statuses.ts';
import { StoredViews } from './stored-views.ts';
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
  readonly #stored: StoredViews;
  readonly #hints = new HintMetrics();
  readonly #trouble: DatabaseTrouble;
  readonly #failures: FailureDesk;
  #pools: Pools | null = null;
  #heads: Heads | null = null;
  #watches: Watches | null = null;
  #desk: CommandDesk | null = null;
  #publisher: RunningPublisher | null = null;
  #root: Actor<typeof daemonMachine> | null = null;
  #broker: Broker | null = null;
  readonly #ending = new AbortController();
  #stopping: Promise<void> | null = null;

  constructor(options: DaemonOptions) {
    super();
    this.#options = options;
    this.#log = options.log ?? silentLog;
    const examine = () => void this.#watches?.store.examine();
    this.#trouble = new DatabaseTrouble(this.#log, examine, () => {
      for (const name of this.names) this.#child(name)?.send({ type: 'DATABASE_BACK' });
    });
    this.#owners = tableOwners(options.projections);
    this.#stored = new StoredViews(options.databaseTrouble);
    const place = { schema: 'public', version: packageVersion(), ...options };
    this.#failures = new FailureDesk(place, () => this.#pools?.views ?? null);
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
    const { broker = null, patience = {} } = this.#options;
    const place = { database, schema, extensionSchemas };
    const own = { ...place, projections, id: this.id };
    const pools = openPools({ ...own, patience, onControlClosed: () => this.#heads?.forget() });
    this.#pools = pools;
    const { signal } = this.#ending;
    const prepared = prepareDatabase(pools, { ...own, owners: this.#owners, notify, log: this.#log, signal });
    const starts = await prepared.catch(async (error: unknown) => {
      await this.stop();
      throw error;
    });
    // Stopped meanwhile: what began now would have nobody to end it.
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    const heard = ({ standings, pending }: Heartbeat): void => {
      this.#watches?.rows.heard(standings);
      this.#desk?.beat(pending);
    };
    const { control } = pools;
    const heads = createHeads(createHeadReader(control), () => readHeartbeat(control), projections, heard, this.#log);
    this.#heads = heads;
    this.#watches = createWatches({
      daemon: this.#options,
      id: this.id,
      pools,
      names: this.names,
      owners: this.#owners,
      workers: this.#workers,
      heads,
      snapshot: this.#snapshot,
      wake: (name) => this.#child(name)?.send({ type: 'WAKE' }),
      reopen: (name) => this.#child(name)?.send({ type: 'REOPEN' }),
      log: this.#log,
    });
    this.#root = this.#startActors(heads, pools, starts);
    this.#desk = this.#openDesk(pools);
    this.#publisher = this.#options.publisher?.({ ...place, owner: this.id, heads, log: this.#log }) ?? null;
    if (broker !== null) {
      const reset = (name: string) => this.send(name, 'RESET', { by: 'broker' });
      this.#broker = startBroker({ ...broker, id: this.id, projections, reset, hints: this.#hints, log: this.#log });
    }
    this.#subscriptions.push(
      storeIdleMoves(this.#workers, this.#watches.idle),
      startFeed({
        ...this.#options,
        heads,
        listener: pools.control,
        schema,
        push$: this.#broker?.push$ ?? NEVER,
        log: this.#log,
        onLook: (look) => this.#deliver(look),
        onTrouble: this.#trouble.refused,
        onAnswer: this.#trouble.answered,
      }),
      interval(1000).subscribe(this.#watches.check),
    );
  }

  #openDesk({ views }: Pools): CommandDesk {
    const desk = new CommandDesk({
      sql: views,
      id: this.id,
      names: this.names,
      child: (name) => this.#child(name),
      log: this.#log,
    });
    desk.start();
    return desk;
  }

  #startActors(heads: Heads, pools: Pools, starts: ActorsOptions['starts']): Actor<typeof daemonMachine> {
    return startActors({
      daemon: this.#options,
      owner: this.id,
      owners: this.#owners,
      pools,
      heads,
      workers: this.#workers,
      starts,
      inspect: watchTransitions((change) => this.#announce(change), this.#log),
      onScanned: () => this.#watches?.waits.check(),
      onReset: () => void this.#watches?.rows.look(),
      log: this.#log,
    });
  }

  #deliver(look: Look): void {
    this.#hints.looked(look);
    if (look.again) this.#watches?.store.forget();
    if (look.source === 'schedule') {
      void this.#watches?.store.look(look.head);
      void this.#desk?.tidy();
    }
    if (look.source === 'heartbeat')
      this.#log.debug({ from: String(look.from), to: String(look.head) }, 'found by the heartbeat, no hint came');
    this.#watches?.dispatcher.deliver(look);
    this.#publisher?.wake();
  }

  #announce(change: Transition): void {
    this.#watches?.heard(change);
    for (const listener of this.#listeners) listener(change);
  }

  readonly #child = (name: string) => childOf(this.#root, name);
  readonly #snapshot = (name: string) => this.#child(name)?.getSnapshot() ?? null;

  protected operating(): OperatingParts {
    const [pools, desk] = [this.#running(this.#pools), this.#running(this.#desk)];
    const [watches, heads] = [this.#running(this.#watches), this.#running(this.#heads)];
    const { projections } = this.#options;
    return { id: this.id, projections, names: this.names, pools, desk, watches, heads, failures: this.#failures };
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
    this.#publisher === null ? null : (await this.figures()).publisher;

  readonly figures = async (): Promise<DaemonFigures> => await readFigures(this.#sources());

  #sources(): FigureSources {
    const pools = this.#running(this.#pools);
    return {
      projections: this.#options.projections,
      sql: pools.views,
      pools,
      stored: this.#stored,
      heads: this.#running(this.#heads),
      workers: this.#workers,
      snapshot: this.#snapshot,
      storeProblem: this.storeProblem(),
      backingOffSince: (name) => this.#watches?.backingOff.since(name) ?? null,
      owner: this.id,
      trouble: this.#trouble,
      hints: this.#hints,
      broker: this.#broker,
      publisher: this.#publisher,
    };
  }

  /** Halts the projection whose handler left this error behind: see `findCulprit`. */
  async halt(culprit: Culprit, error: unknown): Promise<void> {
    const { operators: sql } = this.#running(this.#pools);
    const wake = () => this.#child(culprit.projection)?.send({ type: 'WAKE' });
    await haltCulprit({ sql, log: this.#log, workers: this.#workers, wake }, culprit, error);
  }

  readonly storeProblem = () => this.#watches?.store.problem() ?? this.#trouble.detail;
  readonly unhandled = () => this.#heads?.unhandled() ?? [];
  readonly instanceEvents = () => this.#heads?.instanceEvents() ?? null;
  readonly backingOff = () => this.#watches?.backingOff.lasting() ?? [];
  readonly health = (): Health => healthOf(this.#workers, this.#root?.getSnapshot().status !== 'error');
  readonly ready = (): boolean =>
    this.#root?.getSnapshot().status === 'active' && this.#stopping === null && !this.#trouble.away;
  readonly broker = (): BrokerStatus | null => this.#broker?.status() ?? null;
  /** How projections were woken, and what no hint announced, since the start. */
  readonly hints = (): HintFigures => this.#hints.figures(this.#heads?.latest() ?? 0n);
  readonly latency = () => [...this.#workers].map(([name, { progress }]) => progress.latency.figures(name));

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
    this.#watches?.waits.stop();
    const farewell = Promise.all([this.#broker?.stop(), this.#publisher?.stop(), this.#failures.stop()]);
    const root = this.#root;
    if (root !== null) {
      root.send({ type: 'STOP' });
      await drained(root);
      root.stop();
    }
    // Last words to a database that may not answer any more: bounded, here and below.
    await atMost(2000, Promise.all([this.#desk?.stop(), this.#watches?.halts.stop()]));
    await farewell;
    const pools = this.#pools;
    if (pools === null) return;
    // What was passed over since the last second; losing it would only mean looking at those events again.
    if (root !== null && this.#watches !== null) await flush(this.#workers, this.#watches.idle).catch(() => 0);
    await atMost(2000, this.#watches?.transitions.stop());
    await closePools(pools);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
