import type { Log } from '../core/log.ts';
import type { RunOutcome } from '../core/port.ts';
import type { PageOutcome } from './page-outcome.ts';

type Failed = Pick<Extract<PageOutcome, { kind: 'failed' }>, 'failure' | 'attempts' | 'verdict'>;

/** The end of a run before an event that failed; `detail` is for status. */
export function failedRun({ failure, attempts, verdict }: Failed): RunOutcome {
  const { eventName, position, error } = failure;
  const detail = `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
  return { kind: 'failed', halted: verdict === 'halt', detail, event: failure };
}

/** Logs a failed attempt: one line for each, from every place that finds one. */
export function logFailure(log: Log, name: string, { failure, attempts, verdict }: Failed): void {
  const { position, sequenceNo } = failure;
  const fields = { projection: name, ...failure, position: String(position), sequenceNo: String(sequenceNo), attempts };
  log.error({ ...fields, halted: verdict === 'halt' }, 'an event could not be applied');
  if (verdict === 'skip') log.warn(fields, 'an event was skipped, as the policy says');
}

/** No event is known to be at fault. A page of fewer events takes less time, and a page of one event names it. */
export function logTooSlow(log: Log, projection: string, events: number, next: number): void {
  log.warn({ projection, events, next }, 'a page took longer than its deadline and is tried again with fewer events');
}
