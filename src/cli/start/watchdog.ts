import { Worker } from 'node:worker_threads';
import type { Log } from '../../core/log.ts';
import type { HandlerBoard } from '../../projector/handler-board.ts';

export interface WatchdogOptions {
  /** What the thread reads. */
  readonly board: HandlerBoard;
  /** Milliseconds that the event loop may be blocked. */
  readonly afterMs: number;
  /** Id of the daemon, for the last line of the log. */
  readonly daemon: string;
  readonly log: Log;
}

/**
 * Ends this process with SIGKILL once its event loop has been blocked for so long: a handler that never returns would hold
 * up every projection, and a daemon that answers nobody cannot be told from one that works. Whoever looks after the
 * process (systemd, an orchestrator) starts it again. It never keeps the process alive.
 * @returns how to end it
 */
export function startWatchdog({ board, afterMs, daemon, log }: WatchdogOptions): () => Promise<void> {
  const everyMs = Math.max(10, Math.min(1000, afterMs / 5));
  board.heartbeat();
  const beats = setInterval(() => board.heartbeat(), everyMs);
  beats.unref();
  const { memory, names } = board;
  // Without arguments and environment: nothing of ours may change how the thread runs, and no secret is copied.
  const thread = new Worker(new URL('./watchdog-thread.mjs', import.meta.url), {
    workerData: { watchdog: true, memory, names, daemon, afterMs, everyMs },
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  thread.unref();
  thread.on('error', (error) => log.error({ err: error }, 'the watchdog died; the daemon goes on without'));
  return async () => {
    clearInterval(beats);
    await thread.terminate();
  };
}
