import type { Decimal } from './decimal.ts';

/** A value for one column. Objects and arrays are for json, jsonb and array columns; integers above 2^53 are bigint. */
export type ColumnValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Decimal
  | readonly ColumnValue[]
  | { readonly [key: string]: unknown };

export type Row = Readonly<Record<string, ColumnValue>>;

/**
 * The property that marks `increment`, `not` and the other operators. JSON has no symbols, so no value of an event's payload
 * can pass for an operator.
 */
export const OPERATOR: unique symbol = Symbol.for('projectionist.operator');

/** Matches every value but this one, NULL included (`IS DISTINCT FROM`). */
export interface Not {
  readonly [OPERATOR]: true;
  readonly not: ColumnValue;
}

/** An element of a PostgreSQL array. */
export type ArrayElement = string | number | bigint | boolean | null | Date | Decimal;

/** A change of a column's stored value, such as `increment(1)`. NULL counts as 0, or as the empty array. */
export interface Change {
  readonly [OPERATOR]: true;
  /** Its name in the registry of read-model/column-changes. */
  readonly change: string;
}

/** For each column its new value, or the change of its stored value. */
export type Changes = Readonly<Record<string, ColumnValue | Change>>;

/** For each column a condition, joined with AND. `null` matches NULL. */
export type Where = Readonly<Record<string, ColumnValue | Not>>;

/** A write or look-up that a handler returns, as a value: tests can compare it, and the engine can fold it with others. */
export type Statement = Create | Upsert | Update | Remove | Copy | Lookup | Multi | None;

export interface Create {
  readonly kind: 'create';
  readonly table: string;
  readonly values: Row;
  /** 'fail' (default): a conflict on any unique key is an error. 'keep': the existing row stays as it is. */
  readonly onConflict: 'fail' | 'keep';
}

export interface Upsert {
  readonly kind: 'upsert';
  readonly table: string;
  /** A change is applied to the existing row, or to NULL where there is none. */
  readonly values: Changes;
  /** The columns of a unique key that decides whether the row exists; every other column is overwritten or changed. */
  readonly conflict: readonly string[];
}

export interface Update {
  readonly kind: 'update';
  readonly table: string;
  readonly set: Changes;
  readonly where: Where;
}

export interface Remove {
  readonly kind: 'remove';
  readonly table: string;
  readonly where: Where;
}

/** Makes new rows of the same table: copied columns of the rows that match, and the values in `set`. */
export interface Copy {
  readonly kind: 'copy';
  readonly table: string;
  /** The columns that are read, and the columns of the new rows that they are written to, one to one. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Values of the new rows; these override copied values. */
  readonly set: Row;
  readonly where: Where;
  /** The columns of a unique key that decides whether a new row exists already; its other columns are overwritten. */
  readonly conflict: readonly string[];
}

/** Reads one column of one row in the page's transaction, and passes its text to `use`. */
export interface Lookup {
  readonly kind: 'lookup';
  readonly table: string;
  readonly select: string;
  readonly where: Readonly<Record<string, string>>;
  readonly use: (found: string) => Statement | readonly Statement[];
  /**
   * What follows where no row matches. While the table's own projection is behind this event, the engine waits for it and
   * reads again. After that, 'fail' (default) fails the event, and 'nothing' applies no statement.
   */
  readonly onMissing: 'fail' | 'nothing';
}

/** Several statements, in order. */
export interface Multi {
  readonly kind: 'multi';
  readonly statements: readonly Statement[];
}

export interface None {
  readonly kind: 'none';
}
