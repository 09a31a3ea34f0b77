/** Points of a reset: the state rows are locked; their cursors are at 0; the tables are empty. COMMIT follows. */
export type ResetPoint = 'reset-locked' | 'reset-begun' | 'reset-emptied';

/**
 * Points at which the crash tests end the process. Points of a page: the row is locked; the rows are written; the cursor
 * is moved; the transaction has committed.
 */
export type Failpoint = 'locked' | 'rows-written' | 'cursor-moved' | 'committed' | ResetPoint | 'reset-committed';

/** Called at every point of every page and reset, which wait for it. */
export interface FailpointHook {
  (point: Failpoint, projection: string): Promise<void> | void;
  /** Called at this point alone. Default: at every point, which needs pages that are applied step by step. */
  readonly only?: 'committed';
}
