import type { BrokerStatus } from '../../src/core/broker.ts';
import { EngineError } from '../../src/core/errors.ts';
import type { PublisherStatus } from '../../src/core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../../src/core/status.ts';
import type { DaemonPort } from '../../src/engine/daemon-port.ts';

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
  readonly #listeners = new Set<(change: { name: string; from: string; to: string }) => void>();

  send(
    name: string,
    event: OperatorEvent,
    options: { signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<CommandOutcome> {
    this.sent.push({ name, event });
    if (!this.names.includes(name)) throw new EngineError('PROJECTION_UNKNOWN', { name, known: this.names.join(', ') });
    return this.onSend(name, event, options);
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
