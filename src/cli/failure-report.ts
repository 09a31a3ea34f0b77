import type { FailureRecord } from '../core/failure.ts';
import type { FailureStatus } from '../core/status.ts';
import { oneLine, table } from './terminal.ts';

/** All fields of a failure. */
export function describeFailure(failure: FailureRecord): string {
  const { skipped } = failure;
  return aligned([
    ['projection', failure.name],
    ...eventLines(failure),
    ['attempts', `${failure.attempts}, from ${failure.firstAt} to ${failure.lastAt}`],
    ['skipped', skipped === null ? 'no' : `${skipped.at} by ${skipped.by}: ${skipped.reason}`],
  ]);
}

/** The current failure of a projection, from its status. */
export function describeCurrentFailure(failure: FailureStatus): string {
  return aligned([...eventLines(failure), ['attempts', `${failure.attempts}, the last at ${failure.at}`]]);
}

type Line = readonly [title: string, value: string];

/** The lines that both reports share. */
function eventLines(failure: FailureRecord | FailureStatus): readonly Line[] {
  const { eventName, position, eventId, error, sqlstate, code, statement } = failure;
  return [
    ['event', eventName === null ? `none, at position ${position}` : `${eventName} at position ${position}`],
    ['event id', eventId ?? '-'],
    ['error', error],
    ['sqlstate', sqlstate ?? '-'],
    ['code', code ?? '-'],
    ['statement', statement ?? '-'],
  ];
}

function aligned(lines: readonly Line[]): string {
  return table(lines.map((line) => line.map(oneLine)));
}
