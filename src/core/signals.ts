/** Whether this is the reason of a signal that a timeout aborted. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

interface Subscription {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const subscriptions = new WeakMap<AbortSignal, Subscription>();

/**
 * Calls `call` when the signal is aborted, unless it is released before. All callers of one signal share one listener: from
 * the eleventh listener on Node would warn of a leak.
 * @returns a function that releases `call`
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  // One entry for each registration, since a function may be registered twice.
  const entry = (): void => call();
  const known = subscriptions.get(signal) ?? subscribe(signal);
  known.calls.add(entry);
  return () => {
    known.calls.delete(entry);
    if (known.calls.size > 0) return;
    signal.removeEventListener('abort', known.listener);
    if (subscriptions.get(signal) === known) subscriptions.delete(signal);
  };
}

function subscribe(signal: AbortSignal): Subscription {
  const calls = new Set<() => void>();
  const listener = (): void => {
    for (const call of calls) call();
  };
  const made = { calls, listener };
  subscriptions.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

/** What aborts a piece of work before its own end. */
export interface Until {
  /** Any of these. An undefined element is ignored. */
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Milliseconds, after which the reason is a DOMException named TimeoutError. Default: no limit. */
  readonly ms?: number | undefined;
}

/**
 * Runs `work` with a signal that is aborted with the first of the given ones, or after a time. Its listeners and its timer
 * are removed when the work has settled. `AbortSignal.any` would keep memory of every call for as long as the signals live
 * (Node 20: about 105 bytes a call, for the life of the process), and `AbortSignal.timeout` keeps its timer until it fires.
 * A test holds that src does not use `AbortSignal.any`.
 */
export async function untilAborted<T>(
  { signals, ms }: Until,
  work: (signal: AbortSignal) => PromiseLike<T>,
): Promise<T> {
  const controller = new AbortController();
  const release: (() => void)[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    if (signal.aborted) controller.abort(signal.reason);
    else release.push(onAbort(signal, () => controller.abort(signal.reason)));
  }
  if (ms !== undefined) {
    const late = (): void => controller.abort(new DOMException('it took too long', 'TimeoutError'));
    const timer = setTimeout(late, ms);
    release.push(() => clearTimeout(timer));
  }
  try {
    return await work(controller.signal);
  } finally {
    for (const call of release) call();
  }
}
