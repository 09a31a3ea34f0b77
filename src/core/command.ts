import type { OperatorEvent } from './operator-commands/command-registry.ts';

/** State of a command: `pending` until its effect is committed, or the command is refused. @public */
export const COMMAND_STATES = ['pending', 'done', 'failed'] as const;
/** @public */
export type CommandState = (typeof COMMAND_STATES)[number];

/** A command to a projection, as its sender gives it. */
export interface CommandRequest {
  readonly name: string;
  readonly event: OperatorEvent;
  /** SKIP: position of the event that failed. */
  readonly position?: bigint;
  /** SKIP: why, for the record; 1 to 500 characters. */
  readonly reason?: string;
  /** The command is refused unless the projection has this generation when it is executed: this stops a second click on RESET. */
  readonly generation?: bigint;
  /** A UUID that the sender has chosen: a repeat of the request is the same command. Default: a new one. */
  readonly id?: string;
  /** The sender, for the record: `http 127.0.0.1`, `broker`, `library`. */
  readonly by: string;
}

/** A command that has not been executed yet. */
export interface PendingCommand {
  readonly id: string;
  readonly name: string;
  readonly event: OperatorEvent;
  readonly position: bigint | null;
  readonly reason: string | null;
  readonly generation: bigint | null;
  readonly requestedBy: string;
  readonly acceptedBy: string;
  /** Seconds since the request, by the database's clock. */
  readonly seconds: number;
}

/** A row of `projection_commands`; positions and generations are decimal strings, times ISO 8601 UTC. */
export interface CommandRecord {
  readonly id: string;
  readonly name: string;
  /** An operator's event; another text where a newer daemon or an INSERT has written a kind that this version does not know. */
  readonly event: string;
  readonly position: string | null;
  readonly reason: string | null;
  readonly generation: string | null;
  readonly requestedBy: string;
  /** The daemon that accepted it. */
  readonly acceptedBy: string;
  readonly requestedAt: string;
  readonly state: CommandState;
  /** The daemon that ended it; null while pending. */
  readonly carriedOutBy: string | null;
  readonly endedAt: string | null;
  /** Of a failed command: an error code and its sentence. */
  readonly code: string | null;
  readonly message: string | null;
  /** A side effect: a reset names the other projections that it included. */
  readonly warning: string | null;
}

/** Bounds of a wait for the end of a command. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds. Default 30000. */
  readonly timeoutMs?: number;
}
