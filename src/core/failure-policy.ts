/** What becomes of a projection whose event fails again and again. */
export const FAILURE_POLICIES = ['halt', 'skip'] as const;

export interface FailurePolicy {
  /** halt: stop before the event until somebody looks at it. skip: pass over it, on the record, and go on. */
  readonly onFailure: (typeof FAILURE_POLICIES)[number];
  /** halt: attempts after the first. */
  readonly retries: number;
  /** Milliseconds between two attempts. */
  readonly retryFailedAfterMs: number;
  /** skip: at this attempt the event is passed over; 0 and 1: at the first. */
  readonly maxFailureCount: number;
  /** Milliseconds one transaction that applies a page may take. */
  readonly pageTimeoutMs: number;
  /** Milliseconds the promise of one event's handler may take. */
  readonly eventTimeoutMs: number;
}

/** What holds where neither the projection nor the settings say anything. */
export const DEFAULT_POLICY: FailurePolicy = Object.freeze({
  onFailure: 'halt',
  retries: 5,
  retryFailedAfterMs: 1000,
  maxFailureCount: 5,
  pageTimeoutMs: 30_000,
  eventTimeoutMs: 10_000,
});

export type Verdict = 'retry' | 'halt' | 'skip';

/** After the `attempts`th failed attempt at one event, counted over restarts. */
export function verdictOf(policy: FailurePolicy, attempts: number): Verdict {
  if (policy.onFailure === 'skip') return attempts >= policy.maxFailureCount ? 'skip' : 'retry';
  return attempts > policy.retries ? 'halt' : 'retry';
}

/** Each setting from the last layer that has it: defaults, then the daemon's, then the projection's own. */
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

/** For what no further attempt can mend. */
export const HALT_AT_ONCE: FailurePolicy = Object.freeze({ ...DEFAULT_POLICY, onFailure: 'halt', retries: 0 });
