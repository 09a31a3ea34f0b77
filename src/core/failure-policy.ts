import { EngineError } from './errors.ts';

/** What a projection does when an event of it fails again and again. */
export const FAILURE_POLICIES = ['halt', 'skip'] as const;

export interface FailurePolicy {
  /** halt: stop before the event until an operator acts. skip: record the failure, skip the event, and go on. */
  readonly onFailure: (typeof FAILURE_POLICIES)[number];
  /** halt: number of attempts after the first. */
  readonly retries: number;
  /** Milliseconds between two attempts. */
  readonly retryFailedAfterMs: number;
  /** skip: the event is skipped at this failed attempt; 0 and 1: at the first. */
  readonly maxFailureCount: number;
  /** Milliseconds that the transaction of one page may take. */
  readonly pageTimeoutMs: number;
  /** Milliseconds that the promise of one event's handler may take. */
  readonly eventTimeoutMs: number;
}

/** The policy where neither the projection nor the settings give one. */
export const DEFAULT_POLICY: FailurePolicy = Object.freeze({
  onFailure: 'halt',
  retries: 5,
  retryFailedAfterMs: 1000,
  maxFailureCount: 5,
  pageTimeoutMs: 30_000,
  eventTimeoutMs: 10_000,
});

export type Verdict = 'retry' | 'halt' | 'skip';

/** The decision after so many failed attempts at one event, counted over restarts. */
export function verdictOf(policy: FailurePolicy, attempts: number): Verdict {
  if (policy.onFailure === 'skip') return attempts >= policy.maxFailureCount ? 'skip' : 'retry';
  return attempts > policy.retries ? 'halt' : 'retry';
}

/** Takes each value from the last layer that has it. The layers follow the defaults: the daemon's, then the projection's. */
export function resolvePolicy(...layers: readonly Partial<FailurePolicy>[]): FailurePolicy {
  const pick = <K extends keyof FailurePolicy>(key: K): FailurePolicy[K] =>
    layers.reduce<FailurePolicy[K]>((found, layer) => layer[key] ?? found, DEFAULT_POLICY[key]);
  return {
    onFailure: pick('onFailure'),
    retries: pick('retries'),
    retryFailedAfterMs: pick('retryFailedAfterMs'),
    maxFailureCount: pick('maxFailureCount'),
    pageTimeoutMs: pick('pageTimeoutMs'),
    eventTimeoutMs: pick('eventTimeoutMs'),
  };
}

/** The policy for an error that no further attempt can mend. */
export const HALT_AT_ONCE: FailurePolicy = Object.freeze({ ...DEFAULT_POLICY, onFailure: 'halt', retries: 0 });

/** The least value of each number. */
const LEAST: Readonly<Record<Exclude<keyof FailurePolicy, 'onFailure'>, number>> = {
  retries: 0,
  retryFailedAfterMs: 0,
  maxFailureCount: 0,
  pageTimeoutMs: 1,
  eventTimeoutMs: 1,
};

/** Milliseconds: a longer timer of Node fires immediately. */
const MOST = 2 ** 31 - 1;

/**
 * Checks the policy of a projection's definition. With a misspelt key the projection would halt, or skip, by another policy
 * than the author meant.
 * @throws EngineError PROJECTION_INVALID
 */
export function checkPolicy(name: string, policy: Partial<FailurePolicy>): Partial<FailurePolicy> {
  for (const [key, value] of Object.entries<unknown>(policy)) {
    const reason = problemOf(key, value);
    if (reason !== null) throw new EngineError('PROJECTION_INVALID', { name, reason: `policy.${key} ${reason}` });
  }
  return Object.freeze({ ...policy });
}

function problemOf(key: string, value: unknown): string | null {
  if (key === 'onFailure') {
    const known: readonly unknown[] = FAILURE_POLICIES;
    return known.includes(value) ? null : `is not one of ${FAILURE_POLICIES.join(', ')}`;
  }
  const least = new Map(Object.entries(LEAST)).get(key);
  if (least === undefined) return 'is not known';
  const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= MOST;
  return fits ? null : `is not a whole number from ${least} to ${MOST}`;
}
