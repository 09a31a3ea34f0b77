import type { Logger } from 'pino';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** npm and a terminal both send the signal to the whole group, so one Ctrl-C can arrive twice. */
const SAME_REQUEST_MS = 1_000;
const DRAIN_MS = 30_000;

/** The methods of `process` that are used. */
interface SignalSource {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

export interface ShutdownOptions {
  /** Finishes the work in progress and closes everything. */
  readonly stop: (signal: AbortSignal) => Promise<void>;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly exit: (code: 0 | 1) => void;
  readonly source: SignalSource;
  /** Milliseconds that `stop` may take. Default 30 s. */
  readonly drainMs?: number;
  /** Milliseconds that only rise. Default `performance.now`. */
  readonly now?: () => number;
}

/**
 * At SIGTERM, SIGINT or SIGHUP calls `stop`, then exits with 0, or with 1 if `stop` fails or takes too long. A further
 * signal more than a second after the first exits immediately with 1.
 * @returns `shutDown` does the same without a signal (`code`: the exit code after `stop` has succeeded); `release` removes
 * the listeners
 */
export function onShutdown(options: ShutdownOptions): {
  readonly shutDown: (reason: string, code?: 0 | 1) => Promise<void>;
  readonly release: () => void;
} {
  const { stop, log, exit, source, drainMs = DRAIN_MS, now = () => performance.now() } = options;
  let startedAt: number | null = null;
  let ended: Promise<void> | null = null;

  function shutDown(reason: string, code: 0 | 1 = 0): Promise<void> {
    startedAt ??= now();
    ended ??= drain(reason, code);
    return ended;
  }

  async function drain(reason: string, code: 0 | 1): Promise<void> {
    log.info({ reason }, 'daemon.stopping');
    const deadline = new AbortController();
    // Not AbortSignal.timeout: its timer lets the process end, with code 0, while `stop` hangs.
    const timer = setTimeout(() => deadline.abort(new Error(`stopping took longer than ${drainMs} ms`)), drainMs);
    const late = new Promise<never>((_resolve, reject) => {
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
    });
    try {
      await Promise.race([stop(deadline.signal), late]);
      log.info({}, 'daemon.stopped');
      exit(code);
    } catch (error) {
      log.error({ err: error }, 'daemon.stop-failed');
      exit(1);
    } finally {
      clearTimeout(timer);
    }
  }

  const onSignal = (signal: StopSignal): void => {
    if (startedAt !== null && now() - startedAt > SAME_REQUEST_MS) {
      log.error({ signal }, 'daemon.killed');
      exit(1);
      return;
    }
    void shutDown(signal);
  };
  for (const signal of SIGNALS) source.on(signal, onSignal);
  return {
    shutDown,
    release: () => {
      for (const signal of SIGNALS) source.off(signal, onSignal);
    },
  };
}
