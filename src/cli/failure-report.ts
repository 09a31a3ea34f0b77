import type { FailureRecord } from '../core/failure.ts';
import type { FailureStatus } from '../core/status.ts';
import { oneLine, table } from './terminal.ts';

/** Everything about one. */
export function describeFailure(failure: FailureRecord): string {
  const { skipped } = failure;
  return lined([
    ['projection', failure.name],
    ...aboutEvent(failure),
    ['attempts', `${failure.attempts}, from ${failure.firstAt} to ${failure.lastAt}`],
    ['skipped', skipped === null ? 'no' : `${skipped.at} by ${skipped.by}: ${skipped.reason}`],
  ]);
}

/** What the projection of a status stands before. */
export function describeCurrentFailure(failure: FailureStatus): string {
  return lined([...aboutEvent(failure), ['attempts', `${failure.attempts}, the last at ${failure.at}`]]);
}

type Line = readonly [title: string, value: string];

/** The same words wherever a person reads of it. */
function aboutEvent(failure: FailureRecord | FailureStatus): readonly Line[] {
  const { eventName, position, eventId, error, sqlstate, code, statement } = failure;
  return [
    ['event', eventName === null ? `none; it stands at position ${position}` : `${eventName} at position ${position}`],
    ['event id', eventId ?? '-'],
    ['error', error],
    ['sqlstate', sqlstate ?? '-'],
    ['code', code ?? '-'],
    ['statement', statement ?? '-'],
  ];
}

function lined(lines: readonly Line[]): string {
  return table(lines.map((line) => line.map(oneLine)));
}
