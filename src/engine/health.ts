import type { Progress } from './progress.ts';

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

/**
 * A pull that does not end though everything in it has a bound will not end at all. One that is not under way is no
 * matter of health, however long ago the last one was: the store is quiet, or the projection is halted or paused, or the
 * database is away, and a start anew would change none of that.
 * @param supervised false when the supervisor of the projections has died
 */
export function healthOf(progress: ReadonlyMap<string, Progress>, supervised: boolean, stallMs = 60_000): Health {
  const stalled = [...progress].flatMap(([name, { stalledMs }]) =>
    stalledMs > stallMs ? [{ name, seconds: Math.floor(stalledMs / 1000) }] : [],
  );
  return { ok: supervised && stalled.length === 0, stalled };
}
