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

/** Thrown when the outcome of a page cannot be told in memory, or is a failure: run it in order instead. */
export class CannotFold extends Error {
  /** The table that it is about, where it is about one. */
  table: string | null = null;
}

/** The one row that a condition with a whole unique key can match. */
export interface EncodedWhere {
  /** Which of the table's unique keys. */
  readonly place: number;
  readonly key: string;
  readonly texts: readonly string[];
  /** Every condition again, by column: the row found must satisfy them all. */
  readonly all: readonly { readonly column: number; readonly text: string | null; readonly not: boolean }[];
}

interface EncodedChange {
  readonly column: number;
  readonly operand: string;
  readonly combine: Combine;
}

/** What a write gives its row. */
export interface EncodedValues {
  /** Whole row; what is left out is null. */
  readonly row: TextRow;
  /** The columns whose value is the row's: an upsert overwrites only these. */
  readonly given: readonly number[];
  /** The columns that are changed in a row that is there; `row` has the values of a new row. */
  readonly changed: readonly EncodedChange[];
}

/** `onConflict`: 'fail', 'keep', or which unique key decides whether the row exists. */
type EncodedInsert = EncodedValues & { readonly kind: 'insert'; readonly onConflict: 'fail' | 'keep' | number };

/** A write with everything in it checked and encoded once. */
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

/** What a statement does to its rows, encoded in place of carried out. */
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
      if (given.some((column) => isInKey(table, column))) throw new CannotFold('it sets a key');
      return { kind: 'update', row, given, changed, where: encodeWhere(table, where) };
    },
    remove: (where) => ({ kind: 'remove', where: encodeWhere(table, where) }),
  };
}

/**
 * The text of one unique key of a row. Lengths keep ('a', 'bc') and ('ab', 'c') apart. NULLs are never equal to each
 * other, so a key with one cannot be looked up.
 */
export function keyText(table: TableInfo, place: number, row: TextRow): string {
  const key = table.keys[place] ?? [];
  let text = '';
  for (const column of key) {
    const value = row[column];
    if (value == null) throw new CannotFold('a key has no value');
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
    throw new CannotFold(
      `'${info.name}' may not be acceptable: a value for ${info.type} that PostgreSQL has to look at`,
    );
  return text;
}

/** Of a changed value in a key it is known too late which rows it could clash with. */
function encodeChange(info: ColumnInfo, change: Change, isKey: boolean) {
  const { fold } = changeDefinition(change);
  if (fold === undefined) throw new CannotFold(`${change.change} runs in order`);
  const operand = acceptable(info, fold.operand(change));
  const combine = fold.combine.get(info.plainType);
  if (isKey || combine === undefined || operand === null)
    throw new CannotFold(`${change.change} changes '${info.name}'`);
  return { operand, combine, inNewRow: fold.inNewRow(operand) };
}

/** An index refuses what is too long for it, and the value may be gone again before the page is written. */
function isTooLong({ maxBytes }: ColumnInfo, text: string | null): boolean {
  // A UTF-16 unit is three bytes at most.
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

/** PostgreSQL checks the row to be inserted before it looks for a conflict. */
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
  const place = table.keys.findIndex((key) => key.every((column) => row[column] !== null));
  if (place === -1) throw new CannotFold('the condition names no whole unique key');
  const texts = (table.keys[place] ?? []).map((column) => row[column] ?? '');
  return { place, key: keyText(table, place, row), texts, all };
}

const COMPARABLE = new Set<string | null>(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date', 'bool']);

/** For comparing in memory, so only of types where equal values have equal texts. */
function comparable({ name, plainType }: ColumnInfo, value: ColumnValue): string | null {
  const text = COMPARABLE.has(plainType) ? encode(plainType, value) : undefined;
  if (text === undefined) throw new CannotFold(`'${name}' cannot be compared here`);
  return text;
}

function sameColumns(table: TableInfo, key: readonly number[], names: readonly string[]): boolean {
  return key.length === names.length && names.every((name) => key.includes(table.indexes.get(name) ?? -1));
}
