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
  /** The stored row that this one began as; null for a row that the page inserts. */
  readonly origin: TextRow | null;
  readonly values: (string | null)[];
}

/** The writes that leave the table as all statements would. Columns are indexes into `TableInfo.columns`. */
export interface Difference {
  /** Stored rows to delete, also those that are inserted again with another key. */
  readonly remove: readonly TextRow[];
  /** Stored rows with new values and the same keys. */
  readonly change: readonly { readonly values: TextRow; readonly columns: readonly number[] }[];
  readonly insert: readonly TextRow[];
}

/**
 * The rows of a table that the statements of one page can affect, in memory, indexed by every unique key. Statements run
 * on them with PostgreSQL's rules.
 */
export class TableFold {
  readonly #table: TableInfo;
  readonly #rows = new Set<RowState>();
  readonly #removed: TextRow[] = [];
  /** One index per unique key, from the text of the key's values to the row. */
  readonly #indexes: readonly Map<string, RowState>[];

  /** @param rows every stored row with a key that a statement of the page names */
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
        // Two rows may have swapped a key: in one UPDATE each would conflict with the other's old value.
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
    let existing: RowState | undefined;
    let taken = false;
    for (const [keyIndex, index] of this.#indexes.entries()) {
      const found = index.get(keyText(this.#table, keyIndex, row));
      if (keyIndex === onConflict) existing = found;
      else if (found !== undefined) taken = true;
    }
    if (existing !== undefined) this.#overwrite(existing, write);
    // Unless the existing row is kept, a taken key is an error, which #add throws.
    else if (onConflict !== 'keep' || !taken) this.#add({ origin: null, values: [...row] });
  }

  /** The values may include a key; a key that another row has is an error. */
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

  #find({ keyIndex, key, all }: EncodedWhere): RowState | undefined {
    const row = this.#indexes[keyIndex]?.get(key);
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
    for (const [keyIndex, index] of this.#indexes.entries()) {
      const key = keyText(this.#table, keyIndex, row.values);
      if (index.has(key)) throw new CannotFold('a unique key is taken');
      index.set(key, row);
    }
  }

  #unindex(row: RowState): void {
    for (const [keyIndex, index] of this.#indexes.entries()) index.delete(keyText(this.#table, keyIndex, row.values));
  }
}
