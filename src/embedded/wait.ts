import { setTimeout as pause } from 'node:timers/promises';

/** How long to wait, and what may end the wait early. */
export interface Bound {
  /** Milliseconds after which the wait gives up. */
  readonly withinMs: number;
  /** The wait rejects with this signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const LOOK_EVERY_MS = 20;

/** Asks again every 20 ms until the answer is not undefined. Undefined when the bound has passed. */
export async function until<T>(ask: () => Promise<T | undefined>, bound: Bound): Promise<T | undefined> {
  const deadline = performance.now() + bound.withinMs;
  for (;;) {
    bound.signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined || performance.now() >= deadline) return answer;
    await pause(LOOK_EVERY_MS);
  }
}

/** Resolves after `ms`, rejects with the signal's reason. */
export async function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  signal?.throwIfAborted();
}

/** True when the promise settled in time. The timer is taken away at once: it would hold the process open. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = pause(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    timer.abort();
  }
}
