import { isChange, isNot } from '../../core/changes.ts';
import type { TableShape } from '../../core/projection.ts';
import type { Changes, ColumnValue, Copy, Row, Where } from '../../core/statement.ts';
import { changeDefinition } from '../../read-model/column-changes/change-registry.ts';
import { plain, textOf } from '../../read-model/plain-value.ts';

/** Carries the SQLSTATE that PostgreSQL would give. */
class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type OpenRow = Record<string, unknown>;

/** Takes back one change. */
type Undo = () => void;

/**
 * A table as far as its declared keys go: rows are found by each of them, and no two rows share one. Every change is
 * noted in `journal`, so that an event that fails half-way can be taken back.
 */
export class MemoryTable {
  readonly name: string;
  readonly #keys: readonly (readonly string[])[];
  /** One per key, the primary key first: text of its values to the row. A key with a NULL is equal to no other. */
  readonly #indexes: readonly Map<string, OpenRow>[];
  readonly #rows = new Set<OpenRow>();
  readonly #journal: Undo[];

  constructor(name: string, { key, unique = [] }: TableShape, journal: Undo[]) {
    this.name = name;
    this.#keys = [key, ...unique];
    this.#indexes = this.#keys.map(() => new Map());
    this.#journal = journal;
  }

  rows(): readonly OpenRow[] {
    return [...this.#rows].map((row) => ({ ...row }));
  }

  clear(): void {
    this.#rows.clear();
    for (const index of this.#indexes) index.clear();
  }

  matching(where: Where): readonly OpenRow[] {
    const place = this.#keys.findIndex((key) => key.every((column) => isGiven(where[column])));
    if (place === -1) return [...this.#rows].filter((row) => matches(row, where));
    const found = this.#indexes[place]?.get(this.#keyOf(place, plainRow(where as Row)) ?? '');
    return found !== undefined && matches(found, where) ? [found] : [];
  }

  insert(values: Row, onConflict: 'fail' | 'keep'): void {
    this.#insert(plainRow(values), onConflict);
  }

  #insert(row: OpenRow, onConflict: 'fail' | 'keep'): void {
    this.#checkPrimaryKey(row);
    const clash = this.#clash(row);
    if (clash === null) this.#add(row);
    else if (onConflict === 'fail') throw taken(this.name, clash);
  }

  upsert(values: Changes, conflict: readonly string[]): void {
    const place = this.#placeOf(conflict);
    const fresh = applyChanges({}, values);
    this.#checkPrimaryKey(fresh);
    const found = this.#indexes[place]?.get(this.#keyOf(place, fresh) ?? '');
    if (found === undefined) this.#insert(fresh, 'fail');
    else this.#overwrite(found, applyChanges(found, values));
  }

  update(set: Changes, where: Where): void {
    for (const row of this.matching(where)) this.#overwrite(row, applyChanges(row, set));
  }

  /** All rows are read before the first is written, and none may be written twice. */
  copy({ from, to, set, where, conflict }: Copy): void {
    const place = this.#placeOf(conflict);
    const made = this.matching(where).map((row) => ({
      ...Object.fromEntries(to.map((column, index) => [column, row[from[index] ?? ''] ?? null])),
      ...plainRow(set),
    }));
    const written = new Set<string>();
    for (const row of made) {
      this.#checkPrimaryKey(row);
      const key = this.#keyOf(place, row);
      if (key !== null && written.has(key))
        throw new Refused('21000', `copy would write the row (${conflict.join(', ')}) of "${this.name}" twice`);
      if (key !== null) written.add(key);
      const found = this.#indexes[place]?.get(key ?? '');
      if (found === undefined) this.#insert(row, 'fail');
      else this.#overwrite(found, row);
    }
  }

  #placeOf(conflict: readonly string[]): number {
    const place = this.#keys.findIndex(
      (key) => key.length === conflict.length && conflict.every((c) => key.includes(c)),
    );
    if (place === -1)
      throw new Refused('42P10', `'${this.name}' declares no unique key (${conflict.join(', ')}) to upsert by`);
    return place;
  }

  remove(where: Where): void {
    for (const row of this.matching(where)) {
      this.#drop(row);
      this.#journal.push(() => this.#put(row));
    }
  }

  #add(row: OpenRow): void {
    this.#put(row);
    this.#journal.push(() => this.#drop(row));
  }

  /** Conflict columns keep their values by themselves: they are equal. */
  #overwrite(row: OpenRow, values: OpenRow): void {
    const before = { ...row };
    const after = { ...row, ...values };
    this.#checkPrimaryKey(after);
    this.#drop(row);
    const clash = this.#clash(after);
    if (clash === null) Object.assign(row, values);
    this.#put(row);
    if (clash !== null) throw taken(this.name, clash);
    this.#journal.push(() => {
      this.#drop(row);
      for (const column of Object.keys(row)) delete row[column];
      this.#put(Object.assign(row, before));
    });
  }

  #put(row: OpenRow): void {
    this.#rows.add(row);
    this.#eachKey(row, (index, key) => index.set(key, row));
  }

  #drop(row: OpenRow): void {
    this.#rows.delete(row);
    this.#eachKey(row, (index, key) => index.delete(key));
  }

  #eachKey(row: OpenRow, work: (index: Map<string, OpenRow>, key: string) => void): void {
    for (const [place, index] of this.#indexes.entries()) {
      const key = this.#keyOf(place, row);
      if (key !== null) work(index, key);
    }
  }

  /** The columns of a key that another row has, or null. */
  #clash(row: OpenRow): readonly string[] | null {
    return (
      this.#keys.find((_, place) => {
        const key = this.#keyOf(place, row);
        return key !== null && this.#indexes[place]?.has(key) === true;
      }) ?? null
    );
  }

  #checkPrimaryKey(row: OpenRow): void {
    const missing = this.#keys[0]?.find((column) => row[column] == null);
    if (missing !== undefined)
      throw new Refused('23502', `null value in column "${missing}" of "${this.name}", which is in its key`);
  }

  #keyOf(place: number, row: OpenRow): string | null {
    const values = (this.#keys[place] ?? []).map((column) => row[column]);
    return values.some((value) => value == null) ? null : textOf(values);
  }
}

function isGiven(wanted: Where[string] | undefined): boolean {
  return wanted != null && !isNot(wanted);
}

function matches(row: OpenRow, where: Where): boolean {
  return Object.entries(where).every(([column, wanted]) => {
    const value = row[column] ?? null;
    if (isNot(wanted)) return textOf(value) !== textOf(plain(wanted.not));
    // `= NULL` is never true, IS NULL is what null asks for.
    return textOf(value) === textOf(plain(wanted));
  });
}

/** The new values of a row, as PostgreSQL makes them of the ones that it has; of an empty row for one that is made. */
function applyChanges(current: OpenRow, changes: Changes): OpenRow {
  return Object.fromEntries(
    Object.entries(changes).map(([column, value]) => [
      column,
      isChange(value) ? changeDefinition(value).inMemory(current[column] ?? null, value) : plain(value),
    ]),
  );
}

function plainRow(values: Row): OpenRow {
  return Object.fromEntries(Object.entries(values).map(([column, value]) => [column, plain(value as ColumnValue)]));
}

function taken(table: string, columns: readonly string[]): Refused {
  return new Refused('23505', `duplicate key value violates unique key (${columns.join(', ')}) of "${table}"`);
}
