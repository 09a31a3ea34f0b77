import type { Log } from '../core/log.ts';
import type { PageTurns } from '../core/page-turns.ts';
import type { RunMode } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Sql } from '../postgres/pool.ts';
import type { CrashLoopGuard } from './crash-loop-guard.ts';
import type { HighWaterMarkSource } from './high-water-mark-source.ts';
import type { PageBudget } from './page-budget.ts';
import type { PageSettings } from './page-request.ts';
import type { Progress } from './progress.ts';

export interface ProjectionRunnerOptions {
  readonly projection: Projection;
  readonly settings: PageSettings;
  /** Undefined: there is no earlier process to learn from. */
  readonly crashLoopGuard?: CrashLoopGuard;
  /** Pages are read here, while another connection writes the one before. */
  readonly reader: Sql;
  /** In front of the connections of `reader`. Undefined: there are enough of them. */
  readonly readTurns?: PageTurns;
  readonly highWaterMark: HighWaterMarkSource;
  /** Fixed number of events per page, or null to let it adapt. */
  readonly pageSize: number | null;
  /** Memory for pages, shared with the other projections. Default one of its own. */
  readonly budget?: PageBudget;
  readonly progress: Progress;
  /** More events have been looked at. It must not throw. */
  readonly onScanned?: () => void;
  readonly log: Log;
  readonly now: () => number;
}

/** One page of a pull. */
export interface Step {
  readonly mode: RunMode;
  /** When the page was asked for. */
  readonly began: number;
  /** The safe head is further on than the page. */
  readonly more: boolean;
  readonly signal: AbortSignal;
}
