import { randomUUID } from 'node:crypto';
import type { BrokerStatus } from '../../src/core/broker.ts';
import type { Capsule } from '../../src/core/capsule.ts';
import type { CommandRecord, CommandRequest, WaitOptions } from '../../src/core/command.ts';
import { EngineError } from '../../src/core/errors.ts';
import type { FailureRecord, TryReport } from '../../src/core/failure.ts';
import type { OperatorEvent } from '../../src/core/operator-commands/command-registry.ts';
import type { PublisherStatus } from '../../src/core/publisher.ts';
import type { CommandOutcome, ProjectionStatus } from '../../src/core/status.ts';
import type { TransitionRecord } from '../../src/core/transition.ts';
import type { DaemonPort, SendOptions } from '../../src/daemon/api.ts';
import type { Health } from '../../src/daemon/health.ts';
import type { DaemonMetrics } from '../../src/daemon/metrics.ts';
import { WakeupMetrics } from '../../src/feed/wakeup-metrics.ts';
import { createLatencyHistogram, type LatencyMetrics, readLatencies } from '../../src/projector/latency.ts';
import { PageMetricsRecorder } from '../../src/projector/page-metrics.ts';

export function statusOf(name: string, changes: Partial<ProjectionStatus> = {}): ProjectionStatus {
  return {
    name,
    instance: '',
    state: 'live',
    substate: 'live.waiting',
    detail: null,
    cursor: '42',
    head: '42',
    position: 1_700_000_000,
    lagEvents: 0,
    lagSeconds: 0,
    behindSeconds: 0,
    ratePerSecond: 0,
    etaSeconds: null,
    generation: 1,
    owner: 'test:1',
    backingOffSince: null,
    failure: null,
    skippedEvents: 0,
    inOrder: [],
    tables: [name],
    ...changes,
  };
}

export const publisherStatus: PublisherStatus = {
  state: 'publishing',
  detail: null,
  cursor: '40',
  head: '42',
  lagEvents: 2,
  ratePerSecond: 1200,
  unconfirmed: 2,
  owner: 'test:1',
};

type Send = (
  name: string,
  event: OperatorEvent,
  options: { signal?: AbortSignal; timeoutMs?: number },
) => Promise<CommandOutcome>;

function recordOf(request: CommandRequest, id: string): CommandRecord {
  const { name, event, position, reason, generation, by } = request;
  return {
    id,
    name,
    event,
    position: position?.toString() ?? null,
    reason: reason ?? null,
    generation: generation?.toString() ?? null,
    requestedBy: by,
    acceptedBy: 'test:1',
    requestedAt: '2026-03-01T19:00:00.000Z',
    state: 'pending',
    carriedOutBy: null,
    endedAt: null,
    code: null,
    message: null,
    warning: null,
  };
}

/** A daemon that does what a test tells it, and remembers what it was sent. */
export class FakeDaemon implements DaemonPort {
  readonly id = 'test:1';
  names: readonly string[] = ['band', 'event'];
  statuses: readonly ProjectionStatus[] = [
    statusOf('band'),
    statusOf('event', { state: 'catching-up', cursor: '10', lagEvents: 32 }),
  ];
  readonly latencies = createLatencyHistogram();
  isReady = true;
  stalled: Health['stalled'] = [];
  problem: string | null = null;
  lasting: ReturnType<DaemonPort['backingOff']> = [];
  unhandledEvents: ReturnType<DaemonPort['unhandled']> = [];
  instanceEvent: ReturnType<DaemonPort['instanceEvents']> = null;
  published: PublisherStatus | null = null;
  brokerStatus: BrokerStatus | null = null;
  readonly sent: { name: string; event: OperatorEvent }[] = [];
  onSend: Send = async () => ({ kind: 'done', state: 'catching-up' });
  onStatus: () => Promise<readonly ProjectionStatus[]> = async () => this.statuses;
  onSubmit: (request: CommandRequest) => Promise<void> = async () => undefined;
  onForget: DaemonPort['forget'] = async () => ['old_prices'];
  onAdopt: DaemonPort['adopt'] = async () => undefined;
  onWait: DaemonPort['waitFor'] = async () => ({ applied: true, lagEvents: 0 });
  history: readonly TransitionRecord[] = [];
  readonly #requests = new Map<string, CommandRecord>();
  exported: Capsule | null = null;
  failed: readonly FailureRecord[] = [];
  onTry: (name: string, signal?: AbortSignal) => Promise<TryReport> = async (name) => {
    throw new EngineError('NOTHING_FAILED', { name, reason: 'it stands before none' });
  };
  readonly #listeners = new Set<(change: { name: string; from: string; to: string }) => void>();

  storeProblem() {
    return this.problem;
  }

  backingOff() {
    return this.lasting;
  }

  unhandled() {
    return this.unhandledEvents;
  }

  instanceEvents() {
    return this.instanceEvent;
  }

  async send(name: string, event: OperatorEvent, options: SendOptions = {}): Promise<CommandOutcome> {
    const { id } = await this.submit({ name, event, by: options.by ?? 'library' });
    return await this.outcome(id, options);
  }

  async submit(request: CommandRequest): Promise<CommandRecord> {
    const { name, event, id = randomUUID() } = request;
    this.sent.push({ name, event });
    if (!this.names.includes(name)) throw new EngineError('PROJECTION_UNKNOWN', { name, known: this.names.join(', ') });
    await this.onSubmit(request);
    const record = recordOf(request, id);
    this.#requests.set(id, record);
    return record;
  }

  async command(id: string): Promise<CommandRecord | null> {
    return this.#requests.get(id) ?? null;
  }

  async commands({ name, limit = 100 }: { name?: string; limit?: number } = {}): Promise<readonly CommandRecord[]> {
    const all = [...this.#requests.values()].filter((record) => name === undefined || record.name === name);
    return all.toReversed().slice(0, limit);
  }

  async awaitCommand(id: string, options: WaitOptions = {}): Promise<CommandRecord> {
    const record = this.#requests.get(id);
    if (record === undefined) throw new Error(`nothing was sent under ${id}`);
    const outcome = await this.onSend(record.name, record.event as OperatorEvent, options);
    const ended = { carriedOutBy: this.id, endedAt: new Date().toISOString() };
    return outcome.kind === 'done'
      ? { ...record, ...ended, state: 'done', warning: outcome.warning ?? null }
      : { ...record, ...ended, state: 'failed', code: outcome.code, message: outcome.message };
  }

  async outcome(id: string, options: WaitOptions = {}): Promise<CommandOutcome> {
    const record = this.#requests.get(id);
    if (record === undefined) throw new Error(`nothing was sent under ${id}`);
    return await this.onSend(record.name, record.event as OperatorEvent, options);
  }

  async transitions(): Promise<readonly TransitionRecord[]> {
    return this.history;
  }

  waitFor(...given: Parameters<DaemonPort['waitFor']>): ReturnType<DaemonPort['waitFor']> {
    return this.onWait(...given);
  }

  async adopt(name: string, position: bigint): Promise<void> {
    await this.onAdopt(name, position);
  }

  forget(name: string): Promise<readonly string[]> {
    return this.onForget(name);
  }

  status(): Promise<readonly ProjectionStatus[]> {
    return this.onStatus();
  }

  failures(name?: string): Promise<readonly FailureRecord[]> {
    this.#checkName(name);
    return Promise.resolve(this.failed.filter((failure) => name === undefined || failure.name === name));
  }

  tryFailed(name: string, { signal }: { signal?: AbortSignal } = {}): Promise<TryReport> {
    this.#checkName(name);
    return this.onTry(name, signal);
  }

  capsule(name: string): Promise<Capsule> {
    this.#checkName(name);
    if (this.exported === null) throw new EngineError('NOTHING_FAILED', { name, reason: 'it stands before none' });
    return Promise.resolve(this.exported);
  }

  publisher(): Promise<PublisherStatus | null> {
    return Promise.resolve(this.published);
  }

  async metrics(): Promise<DaemonMetrics> {
    const pages = new PageMetricsRecorder().metrics();
    return {
      daemon: this.id,
      databaseUp: this.isReady,
      storeWrong: false,
      head: 42n,
      holders: [],
      projections: (await this.onStatus()).map((status) => ({
        status,
        alarm: false,
        skipped: 0,
        pages,
        turnSeconds: 0,
        stalledSeconds: 0,
        backingOffSeconds: 0,
      })),
      latency: this.latencies,
      hints: new WakeupMetrics().metrics(42n),
      unhandled: this.unhandledEvents,
      broker: this.brokerStatus,
      publisher: this.published,
      pools: {},
      pageMemory: { held: 0, total: 1, waiting: 0 },
    };
  }

  health(): Health {
    return { ok: this.stalled.length === 0, stalled: this.stalled };
  }

  ready(): boolean {
    return this.isReady;
  }

  broker(): BrokerStatus | null {
    return this.brokerStatus;
  }

  latency(): Promise<readonly LatencyMetrics[]> {
    return readLatencies(this.latencies);
  }

  #checkName(name: string | undefined): void {
    if (name !== undefined && !this.names.includes(name))
      throw new EngineError('PROJECTION_UNKNOWN', { name, known: this.names.join(', ') });
  }

  onTransition(listener: (change: { name: string; from: string; to: string }) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  transition(name: string, from: string, to: string): void {
    for (const listener of this.#listeners) listener({ name, from, to });
  }
}
