import type { TableInfo } from '../../read-model/table-info.ts';
import {
  CannotFold,
  type EncodedValues,
  type EncodedWhere,
  type EncodedWrite,
  keyText,
  type TextRow,
} from './encode-write.ts';

interface RowState {
  /** The row in the database this one goes back to; null for one made in this page. */
  readonly origin: TextRow | null;
  readonly values: (string | null)[];
}

/** What has to be done to the table so that it is as if every statement had run. Columns are named by their place. */
export interface Difference {
  /** Rows of the database that go, or come back with other keys. */
  readonly remove: readonly TextRow[];
  /** Rows of the database with other values; their keys are the same. */
  readonly change: readonly { readonly values: TextRow; readonly columns: readonly number[] }[];
  readonly insert: readonly TextRow[];
}

/**
 * A table in memory, as far as one page touches it: the rows that its statements can meet, found by every unique key.
 * Statements run on it with PostgreSQL's rules; the difference at the end is written with a few set-based statements.
 */
export class TableFold {
  readonly #table: TableInfo;
  readonly #rows = new Set<RowState>();
  readonly #removed: TextRow[] = [];
  /** One per unique key: text of the key's values to the row that has them. */
  readonly #indexes: readonly Map<string, RowState>[];

  /** @param rows every row of the database that has a key which a statement of the page names */
  constructor(table: TableInfo, rows: Iterable<TextRow>) {
    this.#table = table;
    this.#indexes = table.keys.map(() => new Map());
    for (const origin of rows) this.#add({ origin, values: [...origin] });
  }

  /** @throws CannotFold */
  apply(write: EncodedWrite): void {
    if (write.kind === 'insert') {
      this.#insert(write);
      return;
    }
    const row = this.#find(write.where);
    if (row === undefined) return;
    if (write.kind === 'remove') this.#drop(row);
    else this.#set(row, write);
  }

  difference(): Difference {
    const remove = [...this.#removed];
    const change: { values: TextRow; columns: number[] }[] = [];
    const insert: TextRow[] = [];
    for (const { origin, values } of this.#rows) {
      if (origin === null) {
        insert.push(values);
        continue;
      }
      const columns: number[] = [];
      for (const [column, value] of values.entries()) if (origin[column] !== value) columns.push(column);
      if (columns.some((column) => this.#table.keys.some((key) => key.includes(column)))) {
        // Two rows may have swapped a key: in one UPDATE each would meet the other's old value.
        if (!this.#table.rewritable)
          throw new CannotFold('a row gets another key, and not every column can be written again');
        remove.push(origin);
        insert.push(values);
      } else if (columns.length > 0) change.push({ values, columns });
    }
    return { remove, change, insert };
  }

  #insert(write: Extract<EncodedWrite, { kind: 'insert' }>): void {
    const { row, onConflict } = write;
    let met: RowState | undefined;
    let taken = false;
    for (const [place, index] of this.#indexes.entries()) {
      const found = index.get(keyText(this.#table, place, row));
      if (place === onConflict) met = found;
      else if (found !== undefined) taken = true;
    }
    if (met !== undefined) this.#overwrite(met, write);
    // A key that is taken is an error, which #add finds out, unless the row that has it is to stay.
    else if (onConflict !== 'keep' || !taken) this.#add({ origin: null, values: [...row] });
  }

  /** Keys may change here; one that another row has is an error. */
  #overwrite(row: RowState, values: EncodedValues): void {
    this.#unindex(row);
    this.#set(row, values);
    this.#index(row);
  }

  #set({ values }: RowState, { row, given, changed }: EncodedValues): void {
    for (const column of given) values[column] = row[column] ?? null;
    for (const { column, operand, combine } of changed) {
      const combined = combine(values[column] ?? null, operand);
      if (combined === undefined)
        throw new CannotFold(`'${this.#table.columns[column]?.name}' may not hold the result`);
      values[column] = combined;
    }
  }

  #find({ place, key, all }: EncodedWhere): RowState | undefined {
    const row = this.#indexes[place]?.get(key);
    if (row === undefined) return undefined;
    for (const { column, text, not } of all) if ((row.values[column] === text) === not) return undefined;
    return row;
  }

  #add(row: RowState): void {
    this.#rows.add(row);
    this.#index(row);
  }

  #drop(row: RowState): void {
    this.#rows.delete(row);
    this.#unindex(row);
    if (row.origin !== null) this.#removed.push(row.origin);
  }

  #index(row: RowState): void {
    for (const [place, index] of this.#indexes.entries()) {
      const key = keyText(this.#table, place, row.values);
      if (index.has(key)) throw new CannotFold('a unique key is taken');
      index.set(key, row);
    }
  }

  #unindex(row: RowState): void {
    for (const [place, index] of this.#indexes.entries()) index.delete(keyText(this.#table, place, row.values));
  }
}
