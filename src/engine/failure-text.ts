import type { Log } from './log.ts';
import type { PageOutcome } from './outcome.ts';

type Failed = Extract<PageOutcome, { kind: 'failed' }>;

/** For status: what stands in the way. */
export function failureText({ failure: { eventName, position, error }, attempts }: Failed): string {
  return `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
}

export function logFailure(log: Log, name: string, { failure, attempts, verdict }: Failed): void {
  const told = { projection: name, ...failure, position: String(failure.position), attempts };
  log.error({ ...told, halted: verdict === 'halt' }, 'an event could not be applied');
  if (verdict === 'skip') log.warn(told, 'an event was skipped, as the policy says');
}
