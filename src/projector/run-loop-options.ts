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
  /** Undefined: no earlier process is known. */
  readonly crashLoopGuard?: CrashLoopGuard;
  /** The connections that read pages, while another connection writes the page before. */
  readonly reader: Sql;
  /** Turns for the connections of `reader`. Undefined: there are enough connections. */
  readonly readTurns?: PageTurns;
  readonly highWaterMark: HighWaterMarkSource;
  /** Fixed number of events per page; null: the number adapts. */
  readonly pageSize: number | null;
  /** Memory for pages, shared with the other projections. Default: a budget of its own. */
  readonly budget?: PageBudget;
  readonly progress: Progress;
  /** Called when the projection has read or applied more events. It must not throw. */
  readonly onScanned?: () => void;
  readonly log: Log;
  readonly now: () => number;
}

/** One page of a run. */
export interface Step {
  readonly mode: RunMode;
  /** When the page was requested. */
  readonly began: number;
  /** Whether the high-water mark is above the end of the page. */
  readonly more: boolean;
  readonly signal: AbortSignal;
}
