import type { FailurePolicy } from '../core/failure-policy.ts';
import type { Worker } from './actors.ts';
import type { Timeouts } from './pools.ts';

/** A projection whose run has made no progress for longer than any of its waits may take. */
interface Stalled {
  readonly name: string;
  readonly seconds: number;
}

/** Whether this process works, or should be restarted by its process manager. */
export interface Health {
  readonly ok: boolean;
  readonly stalled: readonly Stalled[];
}

/** Milliseconds: the deadline of a page, plus one answer that its end or the next read waits for. */
export function stallLimit({ pageTimeoutMs }: FailurePolicy, { stallMs, answerMs = 30_000 }: Partial<Timeouts> = {}) {
  return stallMs ?? pageTimeoutMs + answerMs;
}

/**
 * A run that exceeds the bounds of all its parts will never end. A projection without a run is not unhealthy, however long
 * ago its last run was: there are no events, or it is halted or paused, or the database is away, and a restart would change
 * none of that.
 * @param supervised false when the supervisor of the projections has died
 */
export function healthOf(
  workers: ReadonlyMap<string, Pick<Worker, 'progress' | 'stallMs'>>,
  supervised: boolean,
): Health {
  const stalled = [...workers].flatMap(
    ([
      name,
      {
        progress: { stalledMs },
        stallMs,
      },
    ]) => (stalledMs > stallMs ? [{ name, seconds: Math.floor(stalledMs / 1000) }] : []),
  );
  return { ok: supervised && stalled.length === 0, stalled };
}
