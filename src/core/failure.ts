/** A row of `projection_failures`, as `GET /projections/:name/failures` and `failures` show it. */
export interface FailureRecord {
  readonly name: string;
  readonly position: string;
  readonly eventId: string;
  readonly eventName: string;
  readonly attempts: number;
  readonly error: string;
  readonly code: string | null;
  readonly sqlstate: string | null;
  readonly statement: string | null;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Set where an operator or the policy `skip` has skipped the event. Null: the projection is halted before it. */
  readonly skipped: { readonly at: string; readonly by: string; readonly reason: string } | null;
}

/** A statement as it was sent. Values are PostgreSQL literals, null for NULL; long ones are cut. */
export interface TriedStatement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** A row's columns, each as PostgreSQL writes it. */
export type RowText = Readonly<Record<string, string | null>>;

export interface RowChange {
  readonly table: string;
  /** Null: a new row. */
  readonly before: RowText | null;
  /** Null: a removed row. */
  readonly after: RowText | null;
}

/** The result of a dry run: one event was applied in a transaction that was rolled back. */
export interface TryReport {
  readonly name: string;
  readonly position: string;
  readonly eventId: string;
  readonly eventName: string;
  /** JSON of the event's payload, exact. */
  readonly payload: string;
  readonly outcome: 'applied' | 'failed' | 'waiting';
  /** Of a failed event; of a waiting one, what it waits for. */
  readonly error: string | null;
  readonly code: string | null;
  readonly sqlstate: string | null;
  /** In the order sent. Where a statement failed, it is the last one. */
  readonly statements: readonly TriedStatement[];
  /** Number of further statements that are not listed. */
  readonly moreStatements: number;
  readonly changes: readonly RowChange[];
  /** Number of further rows that are not listed. */
  readonly moreChanges: number;
}
