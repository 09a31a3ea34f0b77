/**
 * Named points of a page, at which the crash tests end the process: the row is locked; the rows are written; the cursor
 * is moved too; the transaction has committed.
 */
export type Failpoint = 'locked' | 'rows-written' | 'cursor-moved' | 'committed';

/** Called at every point of every page when given; a page waits for it. */
export type FailpointHook = (point: Failpoint, projection: string) => Promise<void> | void;
