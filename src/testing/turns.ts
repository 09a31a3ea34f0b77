import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';

/** Runs one piece of work at a time, in the order in which they came. */
export type Mutex = <T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createTurns(): Mutex {
  let last: Promise<unknown> = Promise.resolve();
  return (timeoutMs, work) => {
    const turn = last.then(() => withinTime(timeoutMs, work));
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** @throws EngineError TEST_INVALID when the time is over; what the work does later is ignored */
async function withinTime<T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  if (timeoutMs === null) return await work(over.signal);
  const reason = `it was not done within ${timeoutMs} ms: does a handler wait for something that never comes?`;
  const timer = setTimeout(() => over.abort(new EngineError('TEST_INVALID', { reason })), timeoutMs);
  try {
    return await orAborted(work(over.signal), over.signal);
  } finally {
    clearTimeout(timer);
  }
}
