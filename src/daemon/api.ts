import type { BrokerStatus } from '../core/broker.ts';
import type { Capsule } from '../core/capsule.ts';
import type { CommandRecord, CommandRequest, WaitOptions } from '../core/command.ts';
import type { FailureRecord, TryReport } from '../core/failure.ts';
import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { CommandOutcome, InstanceEvents, ProjectionStatus, UnhandledEvents } from '../core/status.ts';
import type { TransitionRecord } from '../core/transition.ts';
import type { LatencyMetrics } from '../projector/latency.ts';
import type { TransitionsOptions } from '../state/transitions.ts';
import type { BackingOff } from './backing-off.ts';
import type { Health } from './health.ts';
import type { DaemonMetrics } from './metrics.ts';
import type { WaitOutcome } from './wait-for-position.ts';

/** A projection went from one state to another, substates included: `live.waiting`. */
export interface Transition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly detail: string | null;
  /** The machine's event that caused it. */
  readonly cause: string;
  /** False for what happens with every wake, and for what repeats itself. */
  readonly news: boolean;
}

export interface SendOptions extends WaitOptions {
  /** Who asks, for the record. Default `library`. */
  readonly by?: string;
}

/** What the control API and the command line see of a running daemon. */
export interface DaemonPort {
  /** Host and pid unless DAEMON_ID is set. */
  readonly id: string;
  readonly names: readonly string[];
  /**
   * Sends an operator's event and waits until it has been carried out or refused: `submit` and `outcome`.
   * @throws EngineError what these do
   */
  send(name: string, event: OperatorEvent, options?: SendOptions): Promise<CommandOutcome>;
  /**
   * Takes a command in; from then on it is carried out, also over a restart, by whichever daemon has the projection.
   * @throws EngineError PROJECTION_UNKNOWN, PUBLISHER_TAKES_NO_COMMANDS, COMMAND_INVALID, COMMAND_NOT_TAKEN, DAEMON_STOPPED
   */
  submit(request: CommandRequest): Promise<CommandRecord>;
  /** null: there is none of this id. */
  command(id: string): Promise<CommandRecord | null>;
  /** The newest first, of one projection or of all: the audit log. Default the newest 100. */
  commands(options?: { readonly name?: string; readonly limit?: number }): Promise<readonly CommandRecord[]>;
  /** Resolves once it has ended. @throws EngineError COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  awaitCommand(id: string, options?: WaitOptions): Promise<CommandRecord>;
  /** The same in short, with the state that it led to. @throws EngineError COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  outcome(id: string, options?: WaitOptions): Promise<CommandOutcome>;
  /** Changes of state that are news, newest first. */
  transitions(name: string, options?: TransitionsOptions): Promise<readonly TransitionRecord[]>;
  /**
   * Waits until nothing at or below `position` is unapplied; `head`: the last position drawn by now.
   * @throws EngineError PROJECTION_UNKNOWN, WAIT_BUSY, DAEMON_STOPPED; the signal's reason
   */
  waitFor(
    name: string,
    position: bigint | 'head',
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<WaitOutcome>;
  /**
   * Removes the rows about a projection that this program no longer declares. @returns its tables, which stay
   * @throws EngineError FORGET_REFUSED, PROJECTION_UNKNOWN, DAEMON_STOPPED
   */
  forget(name: string): Promise<readonly string[]>;
  /**
   * Gives a projection that was refused its tables, for they have rows, those rows: as the result of every event up to
   * this position. It goes on from there.
   * @throws EngineError ADOPT_REFUSED, PROJECTION_UNKNOWN, TABLE_SHARED, TABLE_UNFIT, DAEMON_STOPPED
   */
  adopt(name: string, position: bigint): Promise<void>;
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
  /** Everything that is measured, with one reading of the database. @throws EngineError DAEMON_STOPPED */
  metrics(): Promise<DaemonMetrics>;
  /** Whether this process still works; never asks the database. */
  health(): Health;
  /** False before the start has ended, while stopping, and while the database cannot be reached. */
  ready(): boolean;
  /** How pushes come in; null where no broker is used. Whatever it says, events are found. */
  broker(): BrokerStatus | null;
  /** Projections that have backed off for 10 s and more without getting anywhere. */
  backingOff(): readonly BackingOff[];
  /** What is wrong with the event store, and what to do; null while it is as it has to be. */
  storeProblem(): string | null;
  /** Event types that no projection handles, as the polls have come across them since the start; 51 at most. */
  unhandled(): readonly UnhandledEvents[];
  /** The first event of an instance that it has read: projections apply such events as one history. Null: none. */
  instanceEvents(): InstanceEvents | null;
  /** From append to visible row: a histogram for each projection that has been started. */
  latency(): Promise<readonly LatencyMetrics[]>;
  /** Calls back on each change of state; returns the way to end that. */
  onTransition(
    listener: (change: { readonly name: string; readonly from: string; readonly to: string }) => void,
  ): () => void;
}
