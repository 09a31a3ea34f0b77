import { isChange, isNot } from '../../core/changes.ts';
import type { Change, Changes, ColumnValue, Where, Write } from '../../core/statement.ts';
import type { Combine } from '../../read-model/column-changes/change-definition.ts';
import { changeDefinition } from '../../read-model/column-changes/change-registry.ts';
import type { RowOperations } from '../../read-model/statements/statement-definition.ts';
import { writeDefinition } from '../../read-model/statements/statement-registry.ts';
import type { ColumnInfo, TableInfo } from '../../read-model/table-info.ts';
import { encode } from './encode.ts';

/** A row as PostgreSQL's texts, in the order of the table's columns. */
export type TextRow = readonly (string | null)[];

/** The outcome of the page is not certain in memory, or it is a failure: the page has to run in order. */
export class CannotFold extends Error {
  /** The table whose statements cannot be folded; null if the reason is no table's. */
  table: string | null = null;
}

/** A condition that includes every column of a unique key, so that it matches at most one row. */
export interface EncodedWhere {
  /** Index of that key in `TableInfo.keys`, and the text of its values. */
  readonly keyIndex: number;
  readonly key: string;
  /** The text of each column of the key. */
  readonly texts: readonly string[];
  /** Every condition, those of the key included: the row must satisfy all of them. */
  readonly all: readonly { readonly column: number; readonly text: string | null; readonly not: boolean }[];
}

interface EncodedChange {
  readonly column: number;
  readonly operand: string;
  readonly combine: Combine;
}

/** The values that a write gives its row. */
export interface EncodedValues {
  /** The whole row if it is new; a column that the write leaves out is null. */
  readonly row: TextRow;
  /** The columns that the write gives a value: an existing row keeps its other values. */
  readonly given: readonly number[];
  /** The columns that the write changes in an existing row; `row` has their values for a new row. */
  readonly changed: readonly EncodedChange[];
}

/** `onConflict`: 'fail', 'keep', or the index of the unique key by which an existing row is found. */
type EncodedInsert = EncodedValues & { readonly kind: 'insert'; readonly onConflict: 'fail' | 'keep' | number };

/** A write whose values are checked and encoded. */
export type EncodedWrite =
  | EncodedInsert
  | (EncodedValues & { readonly kind: 'update'; readonly where: EncodedWhere })
  | { readonly kind: 'remove'; readonly where: EncodedWhere };

/**
 * Encodes the writes of one table.
 * @throws CannotFold if PostgreSQL might refuse a value, or if a condition could match more than one row
 */
export function encodeWrites(table: TableInfo, writes: readonly Write[]): readonly EncodedWrite[] {
  const operations = encodedOperations(table);
  return writes.map((write) => {
    const definition = writeDefinition(write);
    if (definition.inOrderBecause !== undefined) throw new CannotFold(definition.inOrderBecause);
    return definition.inMemory(write, operations);
  });
}

/** The operations of statements, encoded and not carried out. */
function encodedOperations(table: TableInfo): RowOperations<EncodedWrite> {
  return {
    insert(values, onConflict) {
      if (typeof onConflict === 'string') return encodeInsert(table, values, onConflict);
      const arbiter = table.keys.findIndex((key) => sameColumns(table, key, onConflict));
      if (arbiter === -1) throw new CannotFold('no such unique key');
      return encodeInsert(table, values, arbiter);
    },
    update(set, where) {
      const { row, given, changed } = encodeRow(table, set);
      if (given.some((column) => isInKey(table, column))) throw new CannotFold('it sets a column of a unique key');
      return { kind: 'update', row, given, changed, where: encodeWhere(table, where) };
    },
    remove: (where) => ({ kind: 'remove', where: encodeWhere(table, where) }),
  };
}

/**
 * The text of a row's values in one unique key. It includes the lengths, so that ('a', 'bc') and ('ab', 'c') differ. A NULL
 * equals no other NULL, so a key with a NULL identifies no row.
 */
export function keyText(table: TableInfo, keyIndex: number, row: TextRow): string {
  const key = table.keys[keyIndex] ?? [];
  let text = '';
  for (const column of key) {
    const value = row[column];
    if (value == null) throw new CannotFold('a unique key has no value');
    if (key.length === 1) return value;
    text += `${value.length}:${value}`;
  }
  return text;
}

function encodeRow(table: TableInfo, values: Changes): EncodedValues {
  const row: (string | null)[] = new Array<null>(table.columns.length).fill(null);
  const given: number[] = [];
  const changed: EncodedChange[] = [];
  for (const name in values) {
    const column = table.indexes.get(name) ?? -1;
    const info = infoOf(table, column, name);
    const value = values[name] as ColumnValue | Change;
    if (isChange(value)) {
      const { inNewRow, ...change } = encodeChange(info, value, isInKey(table, column));
      row[column] = inNewRow;
      changed.push({ column, ...change });
    } else {
      row[column] = acceptable(info, value);
      given.push(column);
    }
  }
  return { row, given, changed };
}

function acceptable(info: ColumnInfo, value: ColumnValue): string | null {
  const text = encode(info.plainType, value);
  if (text === undefined || (text === null && info.notNull) || isTooLong(info, text))
    throw new CannotFold(`'${info.name}' may not be acceptable: only PostgreSQL can check this value for ${info.type}`);
  return text;
}

/** A change of a key column cannot be folded: its result, and so the rows that have the same key, are known too late. */
function encodeChange(info: ColumnInfo, change: Change, isKey: boolean) {
  const { fold } = changeDefinition(change);
  if (fold === undefined) throw new CannotFold(`${change.change} runs in order`);
  const operand = acceptable(info, fold.operand(change));
  const combine = fold.combine.get(info.plainType);
  if (isKey || combine === undefined || operand === null)
    throw new CannotFold(`${change.change} changes '${info.name}'`);
  return { operand, combine, inNewRow: fold.inNewRow(operand) };
}

/** An index refuses a value that is too long. PostgreSQL never receives a value that a later event of the page overwrites. */
function isTooLong({ maxBytes }: ColumnInfo, text: string | null): boolean {
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  return maxBytes !== null && text !== null && text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}

function infoOf(table: TableInfo, column: number, name: string): ColumnInfo {
  const info = table.columns[column];
  if (info === undefined) throw new CannotFold(`there is no column '${name}'`);
  return info;
}

function isInKey(table: TableInfo, column: number): boolean {
  return table.keys.some((key) => key.includes(column));
}

/** A column that is left out must accept NULL also where the row exists: PostgreSQL checks the new row before the conflict. */
function encodeInsert(table: TableInfo, values: Changes, onConflict: EncodedInsert['onConflict']): EncodedInsert {
  const { row, given, changed } = encodeRow(table, values);
  if (given.length + changed.length < table.columns.length) {
    for (const [column, { name, notNull, hasDefault }] of table.columns.entries()) {
      if ((hasDefault || notNull) && !given.includes(column) && !changed.some((one) => one.column === column))
        throw new CannotFold(`'${name}' is left to the database`);
    }
  }
  return { kind: 'insert', row, given, changed, onConflict };
}

function encodeWhere(table: TableInfo, where: Where): EncodedWhere {
  const row: (string | null)[] = new Array<null>(table.columns.length).fill(null);
  const all: { column: number; text: string | null; not: boolean }[] = [];
  for (const name of Object.keys(where)) {
    const wanted = where[name] as Where[string];
    const column = table.indexes.get(name) ?? -1;
    const not = isNot(wanted);
    const text = comparable(infoOf(table, column, name), not ? wanted.not : wanted);
    if (!not) row[column] = text;
    all.push({ column, text, not });
  }
  const keyIndex = table.keys.findIndex((key) => key.every((column) => row[column] !== null));
  if (keyIndex === -1) throw new CannotFold('the condition names no whole unique key');
  const texts = (table.keys[keyIndex] ?? []).map((column) => row[column] ?? '');
  return { keyIndex, key: keyText(table, keyIndex, row), texts, all };
}

const COMPARABLE = new Set<string | null>(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date', 'bool']);

/** The text of a value that is compared in memory, which needs a type whose equal values have equal texts. */
function comparable({ name, plainType }: ColumnInfo, value: ColumnValue): string | null {
  const text = COMPARABLE.has(plainType) ? encode(plainType, value) : undefined;
  if (text === undefined) throw new CannotFold(`'${name}' cannot be compared in memory`);
  return text;
}

function sameColumns(table: TableInfo, key: readonly number[], names: readonly string[]): boolean {
  return key.length === names.length && names.every((name) => key.includes(table.indexes.get(name) ?? -1));
}
