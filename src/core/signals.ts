/** Whether this is the reason of a signal whose time was up. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

interface Heard {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const heard = new WeakMap<AbortSignal, Heard>();

/**
 * Calls `call` when the signal is aborted, until it is freed. However many wait for one signal, it has one listener: from
 * the eleventh on Node would warn of a leak.
 * @returns how to free it
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  // An entry of its own for each registration, also of one function that is given twice.
  const entry = (): void => call();
  const known = heard.get(signal) ?? listenTo(signal);
  known.calls.add(entry);
  return () => {
    known.calls.delete(entry);
    if (known.calls.size > 0) return;
    signal.removeEventListener('abort', known.listener);
    if (heard.get(signal) === known) heard.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Heard {
  const calls = new Set<() => void>();
  const listener = (): void => {
    for (const call of calls) call();
  };
  const made = { calls, listener };
  heard.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

/** What ends a piece of work before its own end. */
export interface Until {
  /** Any of these. Undefined: one that was not given. */
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Milliseconds, after which the reason is a DOMException called TimeoutError. Default: none. */
  readonly ms?: number | undefined;
}

/**
 * Runs `work` with one signal that is aborted with the first of several, or after a time. Its listeners and its timer are
 * gone when the work has settled. `AbortSignal.any` would keep something of every call for as long as the signals live
 * (Node 20: about 105 bytes a call, for the life of the process), and `AbortSignal.timeout` its timer until it fires; a
 * test holds that the first is not used in src.
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
    for (const free of release) free();
  }
}
