import type { OperatorEvent } from './operator-commands/command-registry.ts';

/** How a command stands: `pending` until its effect is committed, or it is refused. @public */
export const COMMAND_STATES = ['pending', 'done', 'failed'] as const;
/** @public */
export type CommandState = (typeof COMMAND_STATES)[number];

/** What somebody asks of a projection. */
export interface CommandRequest {
  readonly name: string;
  readonly event: OperatorEvent;
  /** SKIP: position of the event that failed. */
  readonly position?: bigint;
  /** SKIP: why, for the record; 1 to 500 characters. */
  readonly reason?: string;
  /** Refused unless the projection is of this generation when it is carried out: a second click on RESET. */
  readonly generation?: bigint;
  /** A UUID that the sender has chosen: a repeat of the request is the same command. Default: a new one. */
  readonly id?: string;
  /** Who asks, for the record: `http 127.0.0.1`, `broker`, `library`. */
  readonly by: string;
}

/** A command that is still to be carried out. */
export interface PendingCommand {
  readonly id: string;
  readonly name: string;
  readonly event: OperatorEvent;
  readonly position: bigint | null;
  readonly reason: string | null;
  readonly generation: bigint | null;
  readonly requestedBy: string;
  readonly acceptedBy: string;
  /** Since it was asked for, by the database's clock. */
  readonly seconds: number;
}

/** A row of `projection_commands`; positions and generations are decimal strings, times ISO 8601 UTC. */
export interface CommandRecord {
  readonly id: string;
  readonly name: string;
  /** An operator's event; another text where a newer daemon, or SQL, has written one that this version does not know. */
  readonly event: string;
  readonly position: string | null;
  readonly reason: string | null;
  readonly generation: string | null;
  readonly requestedBy: string;
  /** The daemon that took it in. */
  readonly acceptedBy: string;
  readonly requestedAt: string;
  readonly state: CommandState;
  /** The daemon that carried it out; null while pending. */
  readonly carriedOutBy: string | null;
  readonly endedAt: string | null;
  /** Of a failed one: an error code and its sentence. */
  readonly code: string | null;
  readonly message: string | null;
  /** What else it did: a reset that took other projections along. */
  readonly warning: string | null;
}

/** How long somebody waits for a command to end. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Default 30000. */
  readonly timeoutMs?: number;
}
