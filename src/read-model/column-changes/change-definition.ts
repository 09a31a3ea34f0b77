import type { Change, ColumnValue } from '../../core/statement.ts';

/**
 * One kind of change, which a statement gives for a column in place of a value: its SQL, its effect in memory (for tests
 * without a database), and how pages fold it.
 */
export interface ChangeDefinition<C extends Change = Change> {
  readonly name: C['change'];
  /** The value of its one parameter. The type of the column determines how PostgreSQL reads it. */
  parameter(change: C): ColumnValue;
  /** SQL: the value in a row that an upsert inserts. @param parameter the placeholder, `$3` */
  inNewRow(parameter: string): string;
  /**
   * SQL: the new value in an existing row. NULL must count as 0 or as the empty array, because the result of every
   * change of NULL would be NULL.
   * @param current the column, `"plays"`
   * @param parameter the placeholder, `$3`
   */
  inRow(current: string, parameter: string): string;
  /** The new value in memory. @param current the stored value, or null. @throws an error with PostgreSQL's SQLSTATE as `code` */
  inMemory(current: unknown, change: C): unknown;
  /** Absent if a statement with this change cannot be folded and runs in order. */
  readonly fold?: ChangeFold<C>;
}

interface ChangeFold<C extends Change = Change> {
  /** What a folded page stores for the change, as a value of the column's type. */
  operand(change: C): ColumnValue;
  /** Text of the value in a new row. */
  inNewRow(operand: string): string;
  /**
   * By the name of the column's type: returns the text of the new value, exactly as PostgreSQL writes it, or undefined if
   * PostgreSQL refuses the change or its result is not certain. Changes of columns of other types run in order.
   */
  readonly combine: ReadonlyMap<string | null, Combine>;
}

/** @param current null for NULL */
export type Combine = (current: string | null, operand: string) => string | undefined;
