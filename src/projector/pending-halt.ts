import { HALT_AT_ONCE, type Verdict } from '../core/failure-policy.ts';
import type { RunOutcome } from '../core/port.ts';
import type { StoredStatus } from '../core/status.ts';
import { isLockNotAvailable } from '../postgres/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { type EventFailure, recordFailure } from '../state/failures.ts';
import { failedRun, logFailure } from './failure-text.ts';
import type { PendingHalt } from './page-outcome.ts';
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
    const stored = await storeHalt(settings.sql, projection.name, halt);
    progress.running();
    if (stored.kind === 'locked-by-other') return stored;
    if (this.#halt === halt) this.#halt = null;
    if (stored.kind === 'moved') return null;
    crashLoopGuard?.halted();
    logFailure(log, projection.name, stored);
    return stored.before === 'paused' ? { kind: 'paused' } : failedRun(stored);
  }
}

/** Milliseconds that one attempt to store a halt waits for the row; the next attempt follows. */
const WAIT_MS = 2000;

export type StoredHalt =
  | { readonly kind: 'locked-by-other' }
  | { readonly kind: 'moved' }
  | {
      readonly kind: 'failed';
      readonly failure: EventFailure;
      readonly attempts: number;
      readonly verdict: Verdict;
      /** Status of the row before. A paused row stays paused, and the halt takes effect with RESUME. */
      readonly before: StoredStatus;
    };

/**
 * Stores a halt. Unlike a page it waits for the row (no NOWAIT): if it gave up at a locked row, the next page would run
 * the same handler again.
 * @returns locked-by-other: the row is still locked; moved: the row has moved since the halt was decided, nothing is stored
 */
export async function storeHalt(
  sql: Sql,
  name: string,
  { failure, alarm, at }: PendingHalt,
  waitMs = WAIT_MS,
): Promise<StoredHalt> {
  const stored = sql.begin(async (tx): Promise<StoredHalt> => {
    await tx`SELECT set_config('lock_timeout', ${String(waitMs)}, true)`;
    const [row] = await tx<{ status: StoredStatus; cursor: bigint; generation: bigint }[]>`
      SELECT status, cursor, generation FROM projection_state WHERE name = ${name} AND instance_id = '' FOR UPDATE`;
    if (row === undefined) return { kind: 'moved' };
    if (at !== null && (at.generation !== row.generation || (at.cursor ?? row.cursor) !== row.cursor))
      return { kind: 'moved' };
    const recorded = await recordFailure(tx, name, failure, HALT_AT_ONCE);
    await tx`
      UPDATE projection_state
      SET alarm = coalesce(${alarm}, alarm), status = ${row.status === 'paused' ? 'paused' : 'halted'},
          resume_to = CASE ${row.status} WHEN 'paused' THEN 'halted' ELSE resume_to END
      WHERE name = ${name} AND instance_id = ''`;
    return { kind: 'failed', failure, ...recorded, before: row.status };
  });
  return await stored.catch((error: unknown) => {
    if (isLockNotAvailable(error)) return { kind: 'locked-by-other' };
    throw error;
  });
}
