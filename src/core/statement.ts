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

/**
 * The kinds of statements that write, by their names. Each file of read-model/statements adds its own kind, so that a new
 * kind changes nothing here.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the files of the kinds add to it, which a type alias would not allow
export interface WriteKinds {}

/** A statement that writes one table. */
export type Write = WriteKinds[keyof WriteKinds];

/** A write or look-up that a handler returns, as a value: tests can compare it, and the engine can fold it with others. */
export type Statement = Write | Lookup | Multi | None;

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
