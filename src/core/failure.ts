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
  /** Passed over: by an operator or the policy `skip`. Null: the projection stands before it. */
  readonly skipped: { readonly at: string; readonly by: string; readonly reason: string } | null;
}

/** A statement as it was sent. Values are shown as PostgreSQL literals, null is NULL; long ones are cut. */
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

/** What came of running one event in a transaction that was rolled back. */
export interface TryReport {
  readonly name: string;
  readonly position: string;
  readonly eventId: string;
  readonly eventName: string;
  /** The event's payload, as text, exact. */
  readonly payload: string;
  readonly outcome: 'applied' | 'failed' | 'waiting';
  /** Of a failed one, and why it waits. */
  readonly error: string | null;
  readonly code: string | null;
  readonly sqlstate: string | null;
  /** In the order run. The last one is the one that failed, where a statement did. */
  readonly statements: readonly TriedStatement[];
  /** Statements beyond what is listed. */
  readonly moreStatements: number;
  readonly changes: readonly RowChange[];
  /** Rows beyond what is listed. */
  readonly moreChanges: number;
}
