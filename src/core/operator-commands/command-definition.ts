import type { ProjectionStatus } from '../status.ts';

/**
 * The events of the chart that an operator's command can be. `settles` says whether the machine emits `settled` when the
 * operation of such an event has ended.
 */
export const COMMAND_EVENTS = {
  RESET: { settles: true },
  PAUSE: { settles: true },
  RESUME: { settles: true },
  RETRY: { settles: true },
  SKIP: { settles: true },
  REOPEN: { settles: false },
} as const;
export type CommandEvent = keyof typeof COMMAND_EVENTS;

/** A field of a command beside the name of its projection. */
type CommandField = 'position' | 'reason';

/**
 * A command that operators can send. The HTTP API with its OpenAPI, `projectionist send`, the dashboard's button and the
 * audit log read this definition.
 */
export interface OperatorCommandDefinition<Name extends string = string> {
  /** The name that is sent and recorded: capitals and `_`. */
  readonly name: Name;
  /** Its effect, for help texts and OpenAPI: a phrase without a full stop. */
  readonly summary: string;
  /** The event of the chart that executes it. */
  readonly machineEvent: CommandEvent;
  /**
   * What ends the command's row: the `operation`, in the transaction of its effect; or the command `runner`, once the machine
   * has settled, where the effect has no transaction of its own. In the second case a crash between the two runs it again.
   */
  readonly endedBy: 'operation' | 'runner';
  /** Default none; a command with other fields is refused. */
  readonly fields?: readonly CommandField[];
  /** The question that the dashboard asks before it sends the command. */
  readonly dialog: (status: ProjectionStatus) => CommandDialog;
}

export interface CommandDialog {
  readonly title: string;
  /** The effects of the command, one paragraph each. */
  readonly says: readonly string[];
  /** Text of the button that sends it. */
  readonly confirm: string;
  /** Whether it removes rows or skips an event: the dialog then has `Cancel` in focus. Default false. */
  readonly grave?: boolean;
}

/** Keeps the literal type of the name: the union of all names is made of these. */
export function defineOperatorCommand<const Name extends string>(
  definition: OperatorCommandDefinition<Name>,
): OperatorCommandDefinition<Name> {
  return definition;
}
