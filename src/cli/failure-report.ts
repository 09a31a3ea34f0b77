import type { FailureRecord } from '../core/failure.ts';
import { oneLine, table } from './terminal.ts';

const TITLES = ['NAME', 'POSITION', 'EVENT', 'ATTEMPTS', 'LAST', 'STATE', 'ERROR'];

/** A line each, under a title; a sentence where there is none. */
export function failuresTable(failures: readonly FailureRecord[]): string {
  if (failures.length === 0) return 'no failed events\n';
  return table([TITLES, ...failures.map(row)]);
}

function row(failure: FailureRecord): readonly string[] {
  const { name, position, eventName, attempts, lastAt, error } = failure;
  const state = failure.skipped === null ? 'halts' : 'skipped';
  return [name, position, eventName, String(attempts), lastAt, state, error.slice(0, 200)].map(oneLine);
}

/** Everything about one. */
export function describeFailure(failure: FailureRecord): string {
  const { skipped } = failure;
  const lines = [
    ['projection', failure.name],
    ['event', `${failure.eventName} at position ${failure.position}`],
    ['event id', failure.eventId],
    ['error', failure.error],
    ['code', failure.code ?? failure.sqlstate ?? '-'],
    ['statement', failure.statement ?? '-'],
    ['attempts', `${failure.attempts}, from ${failure.firstAt} to ${failure.lastAt}`],
    ['skipped', skipped === null ? 'no' : `${skipped.at} by ${skipped.by}: ${skipped.reason}`],
  ];
  return table(lines.map((line) => line.map(oneLine)));
}
