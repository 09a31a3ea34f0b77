import type { PullOutcome } from '../core/port.ts';
import type { Sql } from '../store/connect.ts';
import { failedPull, logFailure } from './failure-text.ts';
import type { Log } from './log.ts';
import { type PendingHalt, storeHalt } from './pending-halt.ts';
import type { Progress } from './progress.ts';

export interface HaltGateOptions {
  readonly sql: Sql;
  readonly name: string;
  readonly progress: Progress;
  readonly log: Log;
  /** The halt is stored. */
  readonly onStored: () => void;
}

/** What a projection has to pass before each page: a halt that is pending is stored first. */
export class HaltGate {
  readonly #options: HaltGateOptions;
  #halt: PendingHalt | null = null;

  constructor(options: HaltGateOptions) {
    this.#options = options;
  }

  /** Nothing more of the projection runs before this halt is stored. */
  close(halt: PendingHalt): void {
    this.#halt = halt;
  }

  /** @returns null where no halt is pending, or the row is not where it was decided any more */
  async pass(): Promise<PullOutcome | null> {
    const { sql, name, progress, log, onStored } = this.#options;
    const halt = this.#halt;
    if (halt === null) return null;
    // The wait for the row is not the page's.
    progress.rests();
    const stored = await storeHalt(sql, name, halt);
    progress.pulling();
    if (stored.kind === 'elsewhere') return stored;
    if (this.#halt === halt) this.#halt = null;
    if (stored.kind === 'moved') return null;
    onStored();
    logFailure(log, name, stored);
    return stored.before === 'paused' ? { kind: 'paused' } : failedPull(stored);
  }
}
