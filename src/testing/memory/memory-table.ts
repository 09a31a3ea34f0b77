import { isChange, isNot } from '../../core/changes.ts';
import type { TableShape } from '../../core/projection.ts';
import type { Changes, ColumnValue, Row, Where } from '../../core/statement.ts';
import { changeDefinition } from '../../read-model/column-changes/change-registry.ts';
import { plain, textOf } from '../../read-model/plain-value.ts';
import type { StoredRows } from '../../read-model/statements/statement-definition.ts';

/** An error with the SQLSTATE that PostgreSQL would report. */
class StatementRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type MutableRow = Record<string, unknown>;

/** Undoes one change. */
type Undo = () => void;

/**
 * A table with its declared keys: rows are found by each key, and no two rows have the same values of one. Every change
 * is recorded in `journal`, so that the changes of an event that fails can be undone.
 */
export class MemoryTable implements StoredRows {
  readonly name: string;
  readonly #keys: readonly (readonly string[])[];
  /** One index per key, the primary key first: the text of the key's values to the row. A key with a NULL equals no other. */
  readonly #indexes: readonly Map<string, MutableRow>[];
  readonly #rows = new Set<MutableRow>();
  readonly #journal: Undo[];

  constructor(name: string, { key, unique = [] }: TableShape, journal: Undo[]) {
    this.name = name;
    this.#keys = [key, ...unique];
    this.#indexes = this.#keys.map(() => new Map());
    this.#journal = journal;
  }

  rows(): readonly MutableRow[] {
    return [...this.#rows].map((row) => ({ ...row }));
  }

  clear(): void {
    this.#rows.clear();
    for (const index of this.#indexes) index.clear();
  }

  matching(where: Where): readonly MutableRow[] {
    const keyIndex = this.#keys.findIndex((key) => key.every((column) => isGiven(where[column])));
    if (keyIndex === -1) return [...this.#rows].filter((row) => matches(row, where));
    const found = this.#indexes[keyIndex]?.get(this.#keyText(keyIndex, plainRow(where as Row)) ?? '');
    return found !== undefined && matches(found, where) ? [found] : [];
  }

  insert(values: Changes, onConflict: 'fail' | 'keep' | readonly string[]): void {
    if (typeof onConflict === 'string') {
      this.#insert(applyChanges({}, values), onConflict);
      return;
    }
    const keyIndex = this.#indexOfKey(onConflict);
    const fresh = applyChanges({}, values);
    this.#checkPrimaryKey(fresh);
    const found = this.#indexes[keyIndex]?.get(this.#keyText(keyIndex, fresh) ?? '');
    if (found === undefined) this.#insert(fresh, 'fail');
    else this.#overwrite(found, applyChanges(found, values));
  }

  #insert(row: MutableRow, onConflict: 'fail' | 'keep'): void {
    this.#checkPrimaryKey(row);
    const clash = this.#clash(row);
    if (clash === null) this.#add(row);
    else if (onConflict === 'fail') throw duplicateKey(this.name, clash);
  }

  update(set: Changes, where: Where): void {
    for (const row of this.matching(where)) this.#overwrite(row, applyChanges(row, set));
  }

  upsertAll(rows: readonly Readonly<Record<string, unknown>>[], conflict: readonly string[]): void {
    const keyIndex = this.#indexOfKey(conflict);
    const written = new Set<string>();
    for (const row of rows.map((values) => plainRow(values as Row))) {
      this.#checkPrimaryKey(row);
      const key = this.#keyText(keyIndex, row);
      if (key !== null && written.has(key))
        throw new StatementRefused(
          '21000',
          `one statement writes the row (${conflict.join(', ')}) of "${this.name}" twice`,
        );
      if (key !== null) written.add(key);
      const found = this.#indexes[keyIndex]?.get(key ?? '');
      if (found === undefined) this.#insert(row, 'fail');
      else this.#overwrite(found, row);
    }
  }

  #indexOfKey(conflict: readonly string[]): number {
    const keyIndex = this.#keys.findIndex(
      (key) => key.length === conflict.length && conflict.every((c) => key.includes(c)),
    );
    if (keyIndex === -1)
      throw new StatementRefused(
        '42P10',
        `'${this.name}' declares no unique key (${conflict.join(', ')}) to upsert by`,
      );
    return keyIndex;
  }

  remove(where: Where): void {
    for (const row of this.matching(where)) {
      this.#drop(row);
      this.#journal.push(() => this.#put(row));
    }
  }

  #add(row: MutableRow): void {
    this.#put(row);
    this.#journal.push(() => this.#drop(row));
  }

  /** The conflict columns need no special case: their new values equal the old ones. */
  #overwrite(row: MutableRow, values: MutableRow): void {
    const before = { ...row };
    const after = { ...row, ...values };
    this.#checkPrimaryKey(after);
    this.#drop(row);
    const clash = this.#clash(after);
    if (clash === null) Object.assign(row, values);
    this.#put(row);
    if (clash !== null) throw duplicateKey(this.name, clash);
    this.#journal.push(() => {
      this.#drop(row);
      for (const column of Object.keys(row)) delete row[column];
      this.#put(Object.assign(row, before));
    });
  }

  #put(row: MutableRow): void {
    this.#rows.add(row);
    this.#eachKey(row, (index, key) => index.set(key, row));
  }

  #drop(row: MutableRow): void {
    this.#rows.delete(row);
    this.#eachKey(row, (index, key) => index.delete(key));
  }

  #eachKey(row: MutableRow, work: (index: Map<string, MutableRow>, key: string) => void): void {
    for (const [keyIndex, index] of this.#indexes.entries()) {
      const key = this.#keyText(keyIndex, row);
      if (key !== null) work(index, key);
    }
  }

  /** The columns of the first key that another row has already; null when there is none. */
  #clash(row: MutableRow): readonly string[] | null {
    return (
      this.#keys.find((_, keyIndex) => {
        const key = this.#keyText(keyIndex, row);
        return key !== null && this.#indexes[keyIndex]?.has(key) === true;
      }) ?? null
    );
  }

  #checkPrimaryKey(row: MutableRow): void {
    const missing = this.#keys[0]?.find((column) => row[column] == null);
    if (missing !== undefined)
      throw new StatementRefused('23502', `null value in column "${missing}" of "${this.name}", which is in its key`);
  }

  #keyText(keyIndex: number, row: MutableRow): string | null {
    const values = (this.#keys[keyIndex] ?? []).map((column) => row[column]);
    return values.some((value) => value == null) ? null : textOf(values);
  }
}

function isGiven(wanted: Where[string] | undefined): boolean {
  return wanted != null && !isNot(wanted);
}

function matches(row: MutableRow, where: Where): boolean {
  return Object.entries(where).every(([column, wanted]) => {
    const value = row[column] ?? null;
    if (isNot(wanted)) return textOf(value) !== textOf(plain(wanted.not));
    // As in the SQL of the engine, `null` means IS NULL: `= NULL` would never be true.
    return textOf(value) === textOf(plain(wanted));
  });
}

/** The new values of a row, computed from its current values as PostgreSQL does. A new row is computed from an empty one. */
function applyChanges(current: MutableRow, changes: Changes): MutableRow {
  return Object.fromEntries(
    Object.entries(changes).map(([column, value]) => [
      column,
      isChange(value) ? changeDefinition(value).inMemory(current[column] ?? null, value) : plain(value),
    ]),
  );
}

function plainRow(values: Row): MutableRow {
  return Object.fromEntries(Object.entries(values).map(([column, value]) => [column, plain(value as ColumnValue)]));
}

function duplicateKey(table: string, columns: readonly string[]): StatementRefused {
  return new StatementRefused('23505', `duplicate key value violates unique key (${columns.join(', ')}) of "${table}"`);
}
