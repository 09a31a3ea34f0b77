import type { Change, Changes, ColumnValue, Row, Where, Write } from '../../core/statement.ts';

/**
 * One kind of statement that writes a table. The registry lists the kinds; SQL, folding, the test kit, failure snapshots,
 * the documentation and the property tests take everything that they need from here.
 */
export type WriteDefinition<W extends Write = Write> = FoldedDefinition<W> | InOrderDefinition<W>;

interface CommonDefinition<W extends Write> {
  readonly kind: W['kind'];
  /** The ways to call the builder, each with one sentence, for the documentation and the property tests. */
  readonly forms: readonly StatementForm<W>[];
  /** SQL of the statement alone. Its text may depend on the shape of the statement alone: every value is a parameter. */
  toText(write: W, bind: Bind): string;
  /** The statement with every value for a json or jsonb column as JSON text. */
  encoded(write: W, encode: JsonEncoder): W;
  /**
   * What the statement must change, or its event fails: a trigger or a rule can leave a row out without an error. 1: exactly
   * one row. A condition: each row that matches. Null: that is not known before.
   */
  mustWrite(write: W): 1 | Where | null;
  /** The rows that the statement can affect, for a failure snapshot. */
  touched(write: W): TouchedRows;
  /** What to do about a NULL in this column, which the row needs. Undefined: nothing beyond PostgreSQL's own message. */
  adviceOnNull?(write: W, column: string): string | undefined;
}

/** A kind that pages fold: what it does to rows in memory is one operation on them. */
interface FoldedDefinition<W extends Write> extends CommonDefinition<W> {
  readonly inOrderBecause?: undefined;
  /** Applies the statement: to a table of the test kit, or to the rows of a page that is folded. */
  inMemory<Result>(write: W, rows: RowOperations<Result>): Result;
}

/** A kind that pages do not fold: one statement of it makes its whole page run in order. */
interface InOrderDefinition<W extends Write> extends CommonDefinition<W> {
  /** Why, for `projectionist status`. */
  readonly inOrderBecause: string;
  /** Applies the statement to a table of the test kit. */
  inMemory(write: W, rows: StoredRows): void;
}

export interface StatementForm<W extends Write> {
  /** `create(table, values)` */
  readonly call: string;
  /** What it does, as a sentence without a full stop at its end. */
  readonly does: string;
  example(parts: ExampleParts): W;
}

/** What the examples of all kinds are made of. */
export interface ExampleParts {
  readonly table: string;
  /** A whole row. */
  readonly row: Row;
  /** The columns of `row` that no change may stand for: those of its keys, at least those of `conflict`. */
  readonly key: Row;
  /** The columns of a unique key. */
  readonly conflict: readonly string[];
  /** Values and changes of columns that are not in `key`. */
  readonly set: Changes;
  /** A condition. */
  readonly where: Where;
}

/** Adds a value as the next parameter of the statement. Returns its placeholder, `$3`. */
export type Bind = (value: ColumnValue) => string;

export interface JsonEncoder {
  row<T extends ColumnValue | Change>(row: Readonly<Record<string, T>>): Readonly<Record<string, T | string>>;
  where(where: Where): Where;
}

interface TouchedRows {
  /** Every row that matches. */
  readonly matching?: Where;
  /** Every row that has a value of these in a unique key. */
  readonly written?: Changes;
  /** The columns of a unique key that counts besides those that the table declares. */
  readonly conflict?: readonly string[];
}

/** Operations on the rows of one table, with PostgreSQL's rules. */
export interface RowOperations<Result> {
  /**
   * @param onConflict what happens where a unique key is taken: 'fail', 'keep' (the existing row stays), or the columns of the
   * unique key by which an existing row is found, to which the values are then applied
   */
  insert(values: Changes, onConflict: 'fail' | 'keep' | readonly string[]): Result;
  update(set: Changes, where: Where): Result;
  remove(where: Where): Result;
}

/** The rows of one table of the test kit, which a statement can also read. */
export interface StoredRows extends RowOperations<void> {
  matching(where: Where): readonly Readonly<Record<string, unknown>>[];
  /** Inserts each row, or overwrites the one with the same `conflict` columns. To write one row twice is an error. */
  upsertAll(rows: readonly Readonly<Record<string, unknown>>[], conflict: readonly string[]): void;
}
