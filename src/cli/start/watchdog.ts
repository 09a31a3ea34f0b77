import { Worker } from 'node:worker_threads';
import type { Log } from '../../core/log.ts';
import type { HandlerBoard } from '../../projector/handler-board.ts';

export interface WatchdogOptions {
  /** The shared memory that the thread reads. */
  readonly board: HandlerBoard;
  /** Milliseconds that the event loop may be blocked. */
  readonly afterMs: number;
  /** Id of the daemon, for the last line of the log. */
  readonly daemon: string;
  readonly log: Log;
}

/**
 * Ends this process with SIGKILL when its event loop has been blocked for `afterMs`: a handler that never returns would
 * stop every projection, and a daemon that does not answer cannot be distinguished from one that works. The supervisor of
 * the process (systemd, an orchestrator) starts it again. The watchdog does not keep the process alive.
 * @returns ends the watchdog
 */
export function startWatchdog({ board, afterMs, daemon, log }: WatchdogOptions): () => Promise<void> {
  const everyMs = Math.max(10, Math.min(1000, afterMs / 5));
  board.heartbeat();
  const heartbeat = setInterval(() => board.heartbeat(), everyMs);
  heartbeat.unref();
  const { memory, names } = board;
  // Without arguments and environment: those of this process must not change the thread, and no secret is copied.
  const thread = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    workerData: { watchdog: true, memory, names, daemon, afterMs, everyMs },
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  thread.unref();
  thread.on('error', (error) =>
    log.error({ err: error }, 'the watchdog ended with an error: a handler that blocks is not ended any more'),
  );
  return async () => {
    clearInterval(heartbeat);
    await thread.terminate();
  };
}
