import type { BrokerStatus } from '../core/broker.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../core/status.ts';
import type { LatencyFigures } from '../feed/latency.ts';
import type { DaemonFigures } from './daemon-figures.ts';
import type { Health } from './health.ts';

/** A projection went from one state to another, substates included: `live.waiting`. */
export interface Transition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly detail: string | null;
}

/** What the control API and the command line see of a running daemon. */
export interface DaemonPort {
  /** Host and pid unless DAEMON_ID is set. */
  readonly id: string;
  readonly names: readonly string[];
  /**
   * Sends an operator's event and waits until it has been carried out or refused.
   * @throws EngineError PROJECTION_UNKNOWN, PUBLISHER_TAKES_NO_COMMANDS, COMMAND_TIMEOUT, DAEMON_STOPPED
   */
  send(
    name: string,
    event: OperatorEvent,
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<CommandOutcome>;
  status(): Promise<readonly ProjectionStatus[]>;
  /** Null where this daemon does not publish. */
  publisher(): Promise<PublisherStatus | null>;
  /** Everything that is measured, with one reading of the database. @throws EngineError DAEMON_STOPPED */
  figures(): Promise<DaemonFigures>;
  /** Whether this process still works; never asks the database. */
  health(): Health;
  /** False before the start has ended, while stopping, and while the database cannot be reached. */
  ready(): boolean;
  /** How pushes come in; null where no broker is used. Whatever it says, events are found. */
  broker(): BrokerStatus | null;
  /** From append to visible row, a histogram for each projection that has been started. */
  latency(): readonly LatencyFigures[];
  /** Calls back on each change of state; returns the way to end that. */
  onTransition(
    listener: (change: { readonly name: string; readonly from: string; readonly to: string }) => void,
  ): () => void;
}
