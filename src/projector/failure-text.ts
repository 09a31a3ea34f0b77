import type { Log } from '../core/log.ts';
import type { RunOutcome } from '../core/port.ts';
import type { PageOutcome } from './page-outcome.ts';

type Failed = Pick<Extract<PageOutcome, { kind: 'failed' }>, 'failure' | 'attempts' | 'verdict'>;

/** How a pull ends before an event that failed; `detail` is for status. */
export function failedRun({ failure, attempts, verdict }: Failed): RunOutcome {
  const { eventName, position, error } = failure;
  const detail = `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
  return { kind: 'failed', halted: verdict === 'halt', detail, event: failure };
}

/** The line that every failed attempt gets, whoever found it. */
export function logFailure(log: Log, name: string, { failure, attempts, verdict }: Failed): void {
  const { position, sequenceNo } = failure;
  const told = { projection: name, ...failure, position: String(position), sequenceNo: String(sequenceNo), attempts };
  log.error({ ...told, halted: verdict === 'halt' }, 'an event could not be applied');
  if (verdict === 'skip') log.warn(told, 'an event was skipped, as the policy says');
}

/** No event is known to be at fault: fewer of them take less time, and one alone can be told. */
export function logTooSlow(log: Log, projection: string, events: number, next: number): void {
  log.warn({ projection, events, next }, 'a page took longer than its deadline and is tried again with fewer events');
}
