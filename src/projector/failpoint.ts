/** The state rows are locked; they are at 0; the tables are empty. Then COMMIT. */
export type ResetPoint = 'reset-locked' | 'reset-begun' | 'reset-emptied';

/**
 * Named points at which the crash tests end the process. Of a page: the row is locked; the rows are written; the cursor
 * is moved too; the transaction has committed. Of a reset: see there.
 */
export type Failpoint = 'locked' | 'rows-written' | 'cursor-moved' | 'committed' | ResetPoint | 'reset-committed';

/** Called at every point of every page and reset when given; they wait for it. */
export interface FailpointHook {
  (point: Failpoint, projection: string): Promise<void> | void;
  /** Wanted at this one alone. Default: at all of them, so that pages are applied step by step. */
  readonly only?: 'committed';
}
