import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';

/** Runs one piece of work at a time, in the order of the calls. The time limit begins when the work begins. */
export type TimedMutex = <T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createTimedMutex(): TimedMutex {
  let last: Promise<unknown> = Promise.resolve();
  return (timeoutMs, work) => {
    const current = last.then(() => withTimeLimit(timeoutMs, work));
    last = current.catch(() => undefined);
    return current;
  };
}

/** @throws EngineError TEST_INVALID when the time is over; the result of the work is ignored after that */
async function withTimeLimit<T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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
