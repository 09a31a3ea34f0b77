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

/** A change of state of a projection, with substates: `live.waiting`. */
export interface Transition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly detail: string | null;
  /** The machine's event that caused it. */
  readonly cause: string;
  /** False for the changes with every wakeup, and for repeated ones. */
  readonly news: boolean;
}

export interface SendOptions extends WaitOptions {
  /** Who sends the command, for the audit log. Default `library`. */
  readonly by?: string;
}

/** The interface of a running daemon for the control API and the command line. */
export interface DaemonPort {
  /** Host and pid, unless DAEMON_ID is set. */
  readonly id: string;
  readonly names: readonly string[];
  /**
   * Sends an operator's event and waits until it has been carried out or refused: `submit` and `outcome`.
   * @throws EngineError as these do
   */
  send(name: string, event: OperatorEvent, options?: SendOptions): Promise<CommandOutcome>;
  /**
   * Stores a command. The daemon that has the projection carries it out, also after a restart.
   * @throws EngineError PROJECTION_UNKNOWN, PUBLISHER_TAKES_NO_COMMANDS, COMMAND_INVALID, COMMAND_NOT_TAKEN, DAEMON_STOPPED
   */
  submit(request: CommandRequest): Promise<CommandRecord>;
  /** Null if there is no command with this id. */
  command(id: string): Promise<CommandRecord | null>;
  /** The audit log of one projection or of all, newest first. Default: the newest 100. */
  commands(options?: { readonly name?: string; readonly limit?: number }): Promise<readonly CommandRecord[]>;
  /** Resolves when the command has ended. @throws EngineError COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  awaitCommand(id: string, options?: WaitOptions): Promise<CommandRecord>;
  /** The same in short, with the resulting state. @throws EngineError COMMAND_TIMEOUT, DAEMON_STOPPED; the signal's reason */
  outcome(id: string, options?: WaitOptions): Promise<CommandOutcome>;
  /** Changes of state that are news, newest first. */
  transitions(name: string, options?: TransitionsOptions): Promise<readonly TransitionRecord[]>;
  /**
   * Waits until every event up to `position` is applied; `head`: the last position allocated by now.
   * @throws EngineError PROJECTION_UNKNOWN, WAIT_BUSY, DAEMON_STOPPED; the signal's reason
   */
  waitFor(
    name: string,
    position: bigint | 'head',
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<WaitOutcome>;
  /**
   * Removes the rows about a projection that this program no longer declares. @returns its tables, which are kept
   * @throws EngineError FORGET_REFUSED, PROJECTION_UNKNOWN, DAEMON_STOPPED
   */
  forget(name: string): Promise<readonly string[]>;
  /**
   * Accepts the rows of the tables of a projection that was refused them because they have rows: as the result of every
   * event up to this position. The projection continues from there.
   * @throws EngineError ADOPT_REFUSED, PROJECTION_UNKNOWN, TABLE_SHARED, TABLE_REACHED, TABLE_UNSAFE, TABLE_UNFIT, DAEMON_STOPPED
   */
  adopt(name: string, position: bigint): Promise<void>;
  status(): Promise<readonly ProjectionStatus[]>;
  /** Newest position first; of all projections if no name is given. @throws EngineError PROJECTION_UNKNOWN, DAEMON_STOPPED */
  failures(name?: string): Promise<readonly FailureRecord[]>;
  /**
   * Runs the event that a projection has stopped before, and rolls back.
   * @throws EngineError NOTHING_FAILED, PROJECTION_UNKNOWN, TRY_GIVEN_UP, DAEMON_STOPPED
   */
  tryFailed(name: string, options?: { readonly signal?: AbortSignal }): Promise<TryReport>;
  /** The same, with everything that a test needs to reproduce the failure. A JSON value. @throws as `tryFailed` */
  capsule(name: string, options?: { readonly signal?: AbortSignal }): Promise<Capsule>;
  /** Null if this daemon does not publish. */
  publisher(): Promise<PublisherStatus | null>;
  /** All metrics, with one read of the database. @throws EngineError DAEMON_STOPPED */
  metrics(): Promise<DaemonMetrics>;
  /** Whether this process still works; does not query the database. */
  health(): Health;
  /** False before the start has ended, while stopping, and while the database cannot be reached. */
  ready(): boolean;
  /** The connection that receives pushes; null if no broker is configured. Events are found in any state of it. */
  broker(): BrokerStatus | null;
  /** Projections that have backed off for 10 s or more without progress. */
  backingOff(): readonly BackingOff[];
  /** A problem of the event store, and what to do; null while there is none. */
  storeProblem(): string | null;
  /** Event types that no projection handles, found by polls since the start; 51 at most. */
  unhandled(): readonly UnhandledEvents[];
  /** The first event with an instance that was read: projections apply such events as one history. Null if there was none. */
  instanceEvents(): InstanceEvents | null;
  /** From append to visible row: a histogram for each projection that has been started. */
  latency(): Promise<readonly LatencyMetrics[]>;
  /** Calls the listener with each change of state. @returns a function that ends the subscription */
  onTransition(
    listener: (change: { readonly name: string; readonly from: string; readonly to: string }) => void,
  ): () => void;
}
