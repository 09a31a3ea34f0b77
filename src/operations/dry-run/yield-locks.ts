import { isHolding } from '../../postgres/backends.ts';
import type { Queryable } from '../../postgres/pool.ts';

const LOOK_MS = 100;

/**
 * Looks ten times a second whether anybody waits for a lock of this backend, and says so once.
 * @returns the way to end that
 */
export function watchHolding(sql: Queryable, pid: number, onHolding: () => void): () => void {
  let ended = false;
  let timer: NodeJS.Timeout;
  const poll = async (): Promise<void> => {
    const holding = await isHolding(sql, pid);
    if (ended) return;
    if (holding) onHolding();
    else next();
  };
  const next = (): void => {
    // Whatever keeps a look from being made ends the transaction that is watched as well.
    timer = setTimeout(() => void poll().catch(() => undefined), LOOK_MS);
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
