import type { RunOutcome } from '../core/port.ts';
import { failedRun, logFailure } from './failure-text.ts';
import { type PendingHalt, storeHalt } from './pending-halt.ts';
import type { ProjectionRunnerOptions } from './run-loop-options.ts';

type Parts = Pick<ProjectionRunnerOptions, 'settings' | 'projection' | 'progress' | 'log' | 'crashLoopGuard'>;

/** What a projection has to pass before each page: a halt that is pending is stored first. */
export class HaltGate {
  readonly #options: Parts;
  #halt: PendingHalt | null = null;

  constructor(options: Parts) {
    this.#options = options;
  }

  /** Nothing more of the projection runs before this halt is stored. */
  close(halt: PendingHalt): void {
    this.#halt = halt;
  }

  /** @returns null where no halt is pending, or the row is not where it was decided any more */
  async pass(): Promise<RunOutcome | null> {
    const { settings, projection, progress, log, crashLoopGuard } = this.#options;
    const halt = this.#halt;
    if (halt === null) return null;
    // The wait for the row is not the page's.
    progress.rests();
    const stored = await storeHalt(settings.sql, projection.name, halt);
    progress.pulling();
    if (stored.kind === 'locked-by-other') return stored;
    if (this.#halt === halt) this.#halt = null;
    if (stored.kind === 'moved') return null;
    crashLoopGuard?.halted();
    logFailure(log, projection.name, stored);
    return stored.before === 'paused' ? { kind: 'paused' } : failedRun(stored);
  }
}
