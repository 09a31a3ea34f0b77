import type { OperatorCommandDefinition } from './command-definition.ts';
import { pause } from './pause-command.ts';
import { reset } from './reset-command.ts';
import { resume } from './resume-command.ts';
import { retry } from './retry-command.ts';
import { skip } from './skip-command.ts';

/** The commands that an operator may send to a projection, in the order of every list; a new command is one line here. */
export const OPERATOR_COMMANDS = [pause, resume, retry, skip, reset] as const;

export type OperatorEvent = (typeof OPERATOR_COMMANDS)[number]['name'];

export const OPERATOR_EVENTS: readonly OperatorEvent[] = OPERATOR_COMMANDS.map(({ name }) => name);

export function operatorCommand(name: OperatorEvent): OperatorCommandDefinition {
  const found = OPERATOR_COMMANDS.find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`there is no operator command named ${name}`);
  return found;
}
