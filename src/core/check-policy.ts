import { EngineError } from './errors.ts';
import { FAILURE_POLICIES, type FailurePolicy } from './failure-policy.ts';

/** The least that makes sense of each. */
const LEAST: Readonly<Record<Exclude<keyof FailurePolicy, 'onFailure'>, number>> = {
  retries: 0,
  retryFailedAfterMs: 0,
  maxFailureCount: 0,
  pageTimeoutMs: 1,
  eventTimeoutMs: 1,
};

/** A timer that is set to more fires at once. */
const MOST = 2 ** 31 - 1;

/**
 * What a projection says of its own policy; one that is misspelt would halt, or skip, where nobody expects it.
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
