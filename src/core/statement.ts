/** A value for one column. Objects and arrays go to json/jsonb or array columns; big integers as bigint. */
export type ColumnValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | readonly ColumnValue[]
  | { readonly [key: string]: unknown };

export type Row = Readonly<Record<string, ColumnValue>>;

/** Matches every value but this one (`IS DISTINCT FROM`). */
export interface Not {
  readonly not: ColumnValue;
}

/** Column by column, joined with AND. `null` matches NULL. */
export type Where = Readonly<Record<string, ColumnValue | Not>>;

/** What a handler wants done, as a value: it can be tested, printed and folded with others. */
export type Statement = Create | Upsert | Update | Remove | Lookup | Several | None;

export interface Create {
  readonly kind: 'create';
  readonly table: string;
  readonly values: Row;
  /** 'fail' (default): a clash on any unique key is an error. 'keep': the row that is there stays as it is. */
  readonly onConflict: 'fail' | 'keep';
}

export interface Upsert {
  readonly kind: 'upsert';
  readonly table: string;
  readonly values: Row;
  /** The unique columns that decide whether the row exists; every other column is overwritten. */
  readonly conflict: readonly string[];
}

export interface Update {
  readonly kind: 'update';
  readonly table: string;
  readonly set: Row;
  readonly where: Where;
}

export interface Remove {
  readonly kind: 'remove';
  readonly table: string;
  readonly where: Where;
}

/** Reads one column of one row, in the page's transaction, and goes on with what it found. */
export interface Lookup {
  readonly kind: 'lookup';
  readonly table: string;
  readonly select: string;
  readonly where: Readonly<Record<string, string>>;
  readonly use: (found: string) => Statement | readonly Statement[];
  /**
   * 'fail' (default): while the table's own projection is behind this event, wait for it; after that the event fails.
   * 'nothing': the same wait, then nothing happens.
   */
  readonly absent: 'fail' | 'nothing';
}

export interface Several {
  readonly kind: 'several';
  readonly statements: readonly Statement[];
}

export interface None {
  readonly kind: 'none';
}
