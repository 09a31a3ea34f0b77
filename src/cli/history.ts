import type { CommandRecord } from '../core/command.ts';
import type { TransitionRecord } from '../core/transition.ts';
import { oneLine, table } from './terminal.ts';

/** `projectionist commands`: the audit log, a line each. */
export function commandTable(commands: readonly CommandRecord[]): string {
  const rows = commands.map((one) => [
    one.requestedAt,
    one.name,
    one.position === null ? one.event : `${one.event} ${one.position}`,
    one.state,
    one.requestedBy,
    [one.reason, one.message, one.warning].filter((text) => text !== null).join('; '),
  ]);
  return table([['WHEN', 'NAME', 'EVENT', 'STATE', 'BY', 'DETAIL'], ...rows.map((row) => row.map(oneLine))]);
}

/** `projectionist transitions`. */
export function transitionTable(transitions: readonly TransitionRecord[]): string {
  const rows = transitions.map((one) => [
    one.at,
    `${one.from} -> ${one.to}`,
    one.position,
    one.cause,
    one.daemon,
    one.detail ?? '',
  ]);
  return table([['WHEN', 'STATE', 'CURSOR', 'CAUSE', 'DAEMON', 'DETAIL'], ...rows.map((row) => row.map(oneLine))]);
}
