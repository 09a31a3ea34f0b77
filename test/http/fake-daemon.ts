import { randomUUID } from 'node:crypto';
import type { BrokerStatus } from '../../src/core/broker.ts';
import type { CommandRecord, CommandRequest } from '../../src/core/command.ts';
import { EngineError } from '../../src/core/errors.ts';
import type { PublisherStatus } from '../../src/core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../../src/core/status.ts';
import type { TransitionRecord } from '../../src/core/transition.ts';
import type { DaemonPort, SendOptions, WaitOptions } from '../../src/engine/daemon-port.ts';

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
    ratePerSecond: 0,
    etaSeconds: null,
    generation: 1,
    owner: 'test:1',
    failure: null,
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
  isHealthy = true;
  published: PublisherStatus | null = null;
  brokerStatus: BrokerStatus | null = null;
  readonly sent: { name: string; event: OperatorEvent }[] = [];
  onSend: Send = async () => ({ kind: 'done', state: 'catching-up' });
  onStatus: () => Promise<readonly ProjectionStatus[]> = async () => this.statuses;
  onSubmit: (request: CommandRequest) => Promise<void> = async () => undefined;
  onWait: DaemonPort['waitFor'] = async () => ({ applied: true, lagEvents: 0 });
  history: readonly TransitionRecord[] = [];
  readonly #requests = new Map<string, CommandRecord>();
  readonly #listeners = new Set<(change: { name: string; from: string; to: string }) => void>();

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
    const outcome = await this.onSend(record.name, record.event, options);
    const ended = { carriedOutBy: this.id, endedAt: new Date().toISOString() };
    return outcome.kind === 'done'
      ? { ...record, ...ended, state: 'done', warning: outcome.warning ?? null }
      : { ...record, ...ended, state: 'failed', code: outcome.code, message: outcome.message };
  }

  async outcome(id: string, options: WaitOptions = {}): Promise<CommandOutcome> {
    const record = this.#requests.get(id);
    if (record === undefined) throw new Error(`nothing was sent under ${id}`);
    return await this.onSend(record.name, record.event, options);
  }

  async transitions(): Promise<readonly TransitionRecord[]> {
    return this.history;
  }

  waitFor(...given: Parameters<DaemonPort['waitFor']>): ReturnType<DaemonPort['waitFor']> {
    return this.onWait(...given);
  }

  status(): Promise<readonly ProjectionStatus[]> {
    return this.onStatus();
  }

  publisher(): Promise<PublisherStatus | null> {
    return Promise.resolve(this.published);
  }

  healthy(): boolean {
    return this.isHealthy;
  }

  broker(): BrokerStatus | null {
    return this.brokerStatus;
  }

  onTransition(listener: (change: { name: string; from: string; to: string }) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  transition(name: string, from: string, to: string): void {
    for (const listener of this.#listeners) listener({ name, from, to });
  }
}
