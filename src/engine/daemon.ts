import { hostname } from 'node:os';
import { NEVER, type Subscription } from 'rxjs';
import type { Actor, SnapshotFrom } from 'xstate';
import { childId, type daemonMachine, type ProjectionActor } from '../../machines/daemon.ts';
import type { BrokerStatus } from '../core/broker.ts';
import type { CommandRecord, CommandRequest } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../core/status.ts';
import { type TableOwners, tableOwners } from '../core/table-owners.ts';
import { type HintFigures, HintMetrics } from '../feed/hint-metrics.ts';
import type { Look } from '../feed/wakes.ts';
import { readCommands } from '../store/commands.ts';
import type { Sql } from '../store/connect.ts';
import { type Beat, createHeadReader } from '../store/head.ts';
import { readTransitions } from '../store/transitions.ts';
import { startActors, type Worker } from './actors.ts';
import { type Broker, startBroker } from './broker.ts';
import { CommandDesk } from './commands/desk.ts';
import type { DaemonOptions } from './daemon-options.ts';
import type { DaemonPort, SendOptions, Transition, WaitOptions } from './daemon-port.ts';
import { DatabaseTrouble } from './database-trouble.ts';
import { drained } from './drained.ts';
import { startFeed } from './feed.ts';
import { createHeads, type Heads } from './heads.ts';
import { flush, storeIdleMoves } from './idle-moves.ts';
import { type Log, silentLog } from './log.ts';
import { closePools, openPools, type Pools } from './pools.ts';
import { prepareDatabase } from './prepare-database.ts';
import type { RunningPublisher } from './publisher-port.ts';
import { readStatuses } from './read-statuses.ts';
import { StoredViews } from './stored-views.ts';
import { watchTransitions } from './transitions.ts';
import type { WaitOutcome } from './waits.ts';
import { createWatches, type Watches } from './watches.ts';

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
  readonly #workers = new Map<string, Worker>();
  readonly #subscriptions: Subscription[] = [];
  readonly #stored: StoredViews;
  readonly #hints = new HintMetrics();
  readonly #trouble: DatabaseTrouble;
  #pools: Pools | null = null;
  #heads: Heads | null = null;
  #watches: Watches | null = null;
  #desk: CommandDesk | null = null;
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
      await prepareDatabase(pools, { ...own, owners: this.#owners, notify });
    } catch (error) {
      await this.stop();
      throw error;
    }
    // Stopped meanwhile: what began now would have nobody to end it.
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    const heads = createHeads(createHeadReader(pools.control, this.names), (beat) => this.#heard(beat));
    this.#heads = heads;
    this.#watches = createWatches({
      daemon: this.#options,
      id: this.id,
      pools,
      names: this.names,
      workers: this.#workers,
      heads,
      snapshot: this.#snapshot,
      reopen: (name) => this.#child(name)?.send({ type: 'REOPEN' }),
      log: this.#log,
    });
    this.#root = this.#startActors(heads, pools);
    this.#desk = new CommandDesk({
      sql: pools.reader,
      id: this.id,
      names: this.names,
      child: (name) => this.#child(name),
      inHand: (name) => this.#workers.get(name)?.inHand ?? null,
      log: this.#log,
    });
    this.#desk.start();
    this.#publisher = this.#options.publisher?.({ database, schema, owner: this.id, heads, log: this.#log }) ?? null;
    if (broker !== null) {
      const reset = (name: string) => this.send(name, 'RESET', { by: 'broker' });
      this.#broker = startBroker({ ...broker, id: this.id, projections, reset, hints: this.#hints, log: this.#log });
    }
    this.#subscriptions.push(
      storeIdleMoves(this.#workers, { sql: pools.work, owner: this.id, log: this.#log, everyMs: 1000 }),
      this.#startFeed(heads, pools.control, schema),
    );
  }

  #startActors(heads: Heads, pools: Pools): Actor<typeof daemonMachine> {
    return startActors({
      daemon: this.#options,
      owner: this.id,
      owners: this.#owners,
      pools,
      heads,
      workers: this.#workers,
      inspect: watchTransitions((change) => this.#announce(change), this.#log),
      onScanned: () => this.#watches?.waits.check(),
      onReset: () => void this.#watches?.rows.look(),
      log: this.#log,
    });
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
    if (look.again) this.#watches?.store.forget();
    if (look.source === 'schedule') {
      void this.#watches?.store.look(look.head);
      void this.#desk?.tidy();
    }
    if (look.source === 'heartbeat')
      this.#log.debug({ from: String(look.from), to: String(look.head) }, 'found by the heartbeat, no hint came');
    for (const name of this.names) this.#child(name)?.send({ type: 'WAKE' });
    this.#publisher?.wake();
  }

  #heard({ standings, pending }: Beat): void {
    this.#watches?.rows.heard(standings);
    this.#desk?.beat(pending);
  }

  #announce(change: Transition): void {
    const { name, from, to, cause, detail } = change;
    const at = new Date().toISOString();
    const position = String(this.#workers.get(name)?.puller.position ?? 0n);
    if (change.news) this.#watches?.transitions.note({ name, from, to, cause, detail, position, daemon: this.id, at });
    this.#watches?.halts.heard(change);
    for (const listener of this.#listeners) listener(change);
  }

  #child(name: string): ProjectionActor | undefined {
    const children: SnapshotFrom<typeof daemonMachine>['children'] | undefined = this.#root?.getSnapshot().children;
    const child = children?.[childId(name)] as ProjectionActor | undefined;
    return child?.getSnapshot().status === 'active' ? child : undefined;
  }

  readonly #snapshot = (name: string) => this.#child(name)?.getSnapshot() ?? null;

  async send(name: string, event: OperatorEvent, options: SendOptions = {}): Promise<CommandOutcome> {
    options.signal?.throwIfAborted();
    const { id } = await this.submit({ name, event, by: options.by ?? 'library' });
    return await this.outcome(id, options);
  }

  async submit(request: CommandRequest): Promise<CommandRecord> {
    if (this.#stopping !== null) throw new EngineError('DAEMON_STOPPED');
    return await this.#running(this.#desk).submit(request);
  }

  async command(id: string): Promise<CommandRecord | null> {
    return await this.#running(this.#desk).command(id);
  }

  async commands({ name = null, limit = 100 }: { readonly name?: string | null; readonly limit?: number } = {}) {
    return await readCommands(this.#running(this.#pools).reader, { name, limit });
  }

  async awaitCommand(id: string, options?: WaitOptions): Promise<CommandRecord> {
    return await this.#running(this.#desk).awaitCommand(id, options);
  }

  async outcome(id: string, options?: WaitOptions): Promise<CommandOutcome> {
    return await this.#running(this.#desk).outcome(id, options);
  }

  async transitions(name: string, options: { readonly limit?: number; readonly before?: bigint } = {}) {
    const { limit = 100, before = null } = options;
    return await readTransitions(this.#running(this.#pools).reader, name, { limit, before });
  }

  async waitFor(...asked: Parameters<DaemonPort['waitFor']>): Promise<WaitOutcome> {
    return await this.#running(this.#watches).waits.until(...asked);
  }

  #running<T>(part: T | null): T {
    if (part === null) throw new EngineError('DAEMON_STOPPED');
    return part;
  }

  async status(): Promise<readonly ProjectionStatus[]> {
    return await readStatuses({
      projections: this.#options.projections,
      sql: this.#running(this.#pools).work,
      stored: this.#stored,
      heads: this.#running(this.#heads),
      workers: this.#workers,
      snapshot: this.#snapshot,
      storeProblem: this.#watches?.store.problem() ?? null,
      owner: this.id,
    });
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
    this.#watches?.waits.stop();
    const farewell = Promise.all([this.#broker?.stop(), this.#publisher?.stop()]);
    const root = this.#root;
    if (root !== null) {
      root.send({ type: 'STOP' });
      await drained(root);
      root.stop();
    }
    await Promise.all([this.#desk?.stop(), this.#watches?.halts.stop()]);
    await farewell;
    const pools = this.#pools;
    if (pools === null) return;
    // What was passed over since the last second; losing it would only mean looking at those events again.
    if (root !== null) await flush(this.#workers, pools.work, this.id).catch(() => 0);
    await this.#watches?.transitions.stop();
    await closePools(pools);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
