import type { Change, ColumnValue } from '../../core/statement.ts';

/**
 * What becomes of a column's value in place of a value: how it is written as SQL, what it makes in memory (tests without
 * a database), and how pages fold it.
 */
export interface ChangeDefinition<C extends Change = Change> {
  readonly name: C['change'];
  /** The value of its one parameter. The type of the column decides how PostgreSQL reads it. */
  parameter(change: C): ColumnValue;
  /** SQL: the value in a row that an upsert makes. @param given the parameter, `$3` */
  inNewRow(given: string): string;
  /**
   * SQL: the new value of a row that is there. NULL must count as 0 or as the empty array: left alone it would swallow
   * every change.
   * @param current the column, `"plays"`
   */
  inRow(current: string, given: string): string;
  /** The new value in memory. @param current the value there is, or null. @throws with the SQLSTATE of PostgreSQL as `code` */
  inMemory(current: unknown, change: C): unknown;
  /** Absent: a statement with this change runs in order. */
  readonly fold?: ChangeFold<C>;
}

interface ChangeFold<C extends Change = Change> {
  /** What a page takes along for the change, as a value of the column's type. */
  operand(change: C): ColumnValue;
  /** The text of the value in a new row. */
  inNewRow(operand: string): string;
  /**
   * By the name of the column's type: the text of the new value, exactly as PostgreSQL writes it; undefined where
   * PostgreSQL refuses, or where it is not certain what it makes. Columns of other types run in order.
   */
  readonly combine: ReadonlyMap<string | null, Combine>;
}

/** @param current null for NULL */
export type Combine = (current: string | null, operand: string) => string | undefined;
