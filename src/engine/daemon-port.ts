import type { BrokerStatus } from '../core/broker.ts';
import type { Capsule } from '../core/capsule.ts';
import type { FailureRecord, TryReport } from '../core/failure.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { CommandOutcome, OperatorEvent, ProjectionStatus } from '../core/status.ts';

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
  /** Newest position first; of all projections without a name. @throws EngineError PROJECTION_UNKNOWN, DAEMON_STOPPED */
  failures(name?: string): Promise<readonly FailureRecord[]>;
  /**
   * Runs the event a projection stands before, and rolls back.
   * @throws EngineError NOTHING_FAILED, PROJECTION_UNKNOWN, TRY_GIVEN_UP, DAEMON_STOPPED
   */
  tryFailed(name: string, options?: { readonly signal?: AbortSignal }): Promise<TryReport>;
  /** The same, with everything that a test needs to make the event fail again. A JSON value. @throws as `tryFailed` */
  capsule(name: string, options?: { readonly signal?: AbortSignal }): Promise<Capsule>;
  /** Null where this daemon does not publish. */
  publisher(): Promise<PublisherStatus | null>;
  /** False while the database cannot be reached or the pull loops are past their deadline. */
  healthy(): boolean;
  /** How pushes come in; null where no broker is used. Whatever it says, events are found. */
  broker(): BrokerStatus | null;
  /** Calls back on each change of state; returns the way to end that. */
  onTransition(
    listener: (change: { readonly name: string; readonly from: string; readonly to: string }) => void,
  ): () => void;
}
