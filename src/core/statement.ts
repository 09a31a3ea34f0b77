import type { Decimal } from './decimal.ts';

/** A value for one column. Objects and arrays go to json/jsonb or array columns; big integers as bigint. */
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
 * What `increment`, `not` and their like carry. No JSON has a symbol, so nothing that comes out of an event's payload can
 * pass for one of them and do more than its handler meant.
 */
export const OPERATOR: unique symbol = Symbol.for('projectionist.operator');

/** Matches every value but this one (`IS DISTINCT FROM`). */
export interface Not {
  readonly [OPERATOR]: true;
  readonly not: ColumnValue;
}

/** An element of a PostgreSQL array. */
export type ArrayElement = string | number | bigint | boolean | null | Date | Decimal;

/** What becomes of a column's value, in place of a value, such as `increment(1)`: NULL counts as 0, or as the empty array. */
export interface Change {
  readonly [OPERATOR]: true;
  /** Its name in the registry of read-model/column-changes. */
  readonly change: string;
}

/** Column by column: its new value, or what becomes of the one it has. */
export type Changes = Readonly<Record<string, ColumnValue | Change>>;

/** Column by column, joined with AND. `null` matches NULL. */
export type Where = Readonly<Record<string, ColumnValue | Not>>;

/** What a handler wants done, as a value: it can be tested, printed and folded with others. */
export type Statement = Create | Upsert | Update | Remove | Copy | Lookup | Multi | None;

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
  /** A change is applied to the row that is there, or to nothing when there is none. */
  readonly values: Changes;
  /** The unique columns that decide whether the row exists; every other column is overwritten or changed. */
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

/** Makes rows out of the table's own: columns of the rows that match, some of them with values of their own. */
export interface Copy {
  readonly kind: 'copy';
  readonly table: string;
  /** The columns that are read, and those of the new rows that they go to, one to one. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Values of the new rows; these win over what is copied. */
  readonly set: Row;
  readonly where: Where;
  /** The unique columns that decide whether a new row exists already; its other columns are overwritten. */
  readonly conflict: readonly string[];
}

/** Reads one column of one row, in the page's transaction, and goes on with what it found. */
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
