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
  /** In the order run; values are shown as PostgreSQL literals. The last one is the one that failed. */
  readonly statements: readonly { readonly text: string; readonly values: readonly (string | null)[] }[];
  /** `before` null: a new row; `after` null: a removed one. Columns as text. */
  readonly changes: readonly {
    readonly table: string;
    readonly before: Readonly<Record<string, string | null>> | null;
    readonly after: Readonly<Record<string, string | null>> | null;
  }[];
  /** Rows beyond what is listed. */
  readonly moreChanges: number;
}
