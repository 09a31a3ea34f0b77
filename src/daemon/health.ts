import type { FailurePolicy } from '../core/failure-policy.ts';
import type { Worker } from './actors.ts';
import type { Timeouts } from './pools.ts';

/** A projection whose pull has got nowhere for longer than anything it waits for may take. */
interface Stalled {
  readonly name: string;
  readonly seconds: number;
}

/** Whether this process should be left alone, or be started again by whoever looks after it. */
export interface Health {
  readonly ok: boolean;
  readonly stalled: readonly Stalled[];
}

/** Milliseconds: a page up to its deadline, and one answer that its end or the next read waits for. */
export function stallLimit({ pageTimeoutMs }: FailurePolicy, { stallMs, answerMs = 30_000 }: Partial<Timeouts> = {}) {
  return stallMs ?? pageTimeoutMs + answerMs;
}

/**
 * A pull that does not end though everything in it has a bound will not end at all. One that is not under way is no
 * matter of health, however long ago the last one was: the store is quiet, or the projection is halted or paused, or the
 * database is away, and a start anew would change none of that.
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
