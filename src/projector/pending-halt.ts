import type { Log } from '../core/log.ts';
import type { RunOutcome } from '../core/port.ts';
import type { Sql } from '../postgres/pool.ts';
import type { PendingHalt } from '../state/checkpoint-store.ts';
import { eventFailed } from './event-failure.ts';
import { failedRun, logFailure } from './failure-text.ts';
import type { HandlerOrigin } from './handler-origin.ts';
import type { CheckpointStore } from './ports.ts';
import type { ProjectionRunnerOptions } from './run-loop-options.ts';

type GateOptions = Pick<ProjectionRunnerOptions, 'settings' | 'projection' | 'progress' | 'log' | 'crashLoopGuard'>;

/** Stores the pending halt of a projection before its next page runs. */
export class HaltGate {
  readonly #options: GateOptions;
  #halt: PendingHalt | null = null;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Nothing more of the projection runs before this halt is stored. */
  close(halt: PendingHalt): void {
    this.#halt = halt;
  }

  /** @returns null if no halt is pending, or if the row has moved since the halt was decided */
  async pass(): Promise<RunOutcome | null> {
    const { settings, projection, progress, log, crashLoopGuard } = this.#options;
    const halt = this.#halt;
    if (halt === null) return null;
    // The time spent waiting for the row does not count as a stall of the page.
    progress.idle();
    const stored = await settings.checkpoints.halt(settings.sql, projection.name, halt);
    progress.running();
    if (stored.kind === 'locked-by-other') return stored;
    if (this.#halt === halt) this.#halt = null;
    if (stored.kind === 'moved') return null;
    crashLoopGuard?.halted();
    logFailure(log, projection.name, stored);
    return stored.before === 'paused' ? { kind: 'paused' } : failedRun(stored);
  }
}

interface UncaughtErrorContext {
  readonly sql: Sql;
  readonly checkpoints: Pick<CheckpointStore, 'halt'>;
  readonly log: Log;
  readonly workers: ReadonlyMap<string, { readonly runner: { readonly halts: Pick<HaltGate, 'close'> } }>;
  /** Wakes the machine of the projection. */
  readonly wake: () => void;
}

/** Milliseconds to wait for the page under way. */
const WAIT_MS = 30_000;

/**
 * Halts a projection for an uncaught error of a handler: the rejection of a promise that was not awaited, or the error of
 * a timer. The event has been applied by then, but its rows may be wrong. The halt waits for the page under way. A paused
 * row stays paused, and the halt takes effect with RESUME.
 *
 * A halt that could not be stored in time is left to the run loop, which applies no page before it is stored.
 */
export async function haltForUncaughtError(
  { sql, checkpoints, log, workers, wake }: UncaughtErrorContext,
  { projection, event }: HandlerOrigin,
  error: unknown,
  waitMs = WAIT_MS,
): Promise<void> {
  const halt = { failure: eventFailed(error, 0, event).failure, alarm: null, at: null };
  const stored = await checkpoints.halt(sql, projection, halt, waitMs).catch((failed: unknown) => {
    log.warn(
      { projection, err: failed },
      'a halt could not be stored yet; nothing of the projection runs before it is',
    );
    return { kind: 'locked-by-other' } as const;
  });
  if (stored.kind === 'locked-by-other') {
    workers.get(projection)?.runner.halts.close(halt);
    wake();
  }
  if (stored.kind === 'failed') logFailure(log, projection, stored);
}
