import type { ColumnValue, Where } from '../../core/statement.ts';
import { isNot } from '../../core/statements.ts';
import type { ColumnInfo, TableInfo } from '../../store/catalog.ts';
import type { Write } from '../../store/statement-sql.ts';
import { encode } from './encode.ts';

/** A row as PostgreSQL's texts, in the order of the table's columns. */
export type TextRow = readonly (string | null)[];

/** Thrown when the outcome of a page cannot be told in memory, or is a failure: run it in order instead. */
export class CannotFold extends Error {}

/** The one row that a condition with a whole unique key can match. */
export interface EncodedWhere {
  /** Which of the table's unique keys. */
  readonly place: number;
  readonly key: string;
  readonly texts: readonly string[];
  /** Every condition again, by column: the row found must satisfy them all. */
  readonly all: readonly { readonly column: number; readonly text: string | null; readonly not: boolean }[];
}

/** A write with everything in it checked and encoded once. */
export type EncodedWrite =
  | {
      readonly kind: 'insert';
      /** Whole row; what is left out is null. */
      readonly row: TextRow;
      /** The columns that were given: an upsert overwrites only these. */
      readonly given: readonly number[];
      /** 'fail', 'keep', or which unique key decides whether the row exists. */
      readonly onConflict: 'fail' | 'keep' | number;
    }
  | { readonly kind: 'update'; readonly row: TextRow; readonly given: readonly number[]; readonly where: EncodedWhere }
  | { readonly kind: 'remove'; readonly where: EncodedWhere };

/** @throws CannotFold where PostgreSQL might refuse a value, or where more than one row could be met */
export function encodeWrite(table: TableInfo, write: Write): EncodedWrite {
  switch (write.kind) {
    case 'create':
      return { kind: 'insert', ...encodeNewRow(table, write.values), onConflict: write.onConflict };
    case 'upsert': {
      const arbiter = table.keys.findIndex((key) => sameColumns(table, key, write.conflict));
      if (arbiter === -1) throw new CannotFold('no such unique key');
      return { kind: 'insert', ...encodeNewRow(table, write.values), onConflict: arbiter };
    }
    case 'update': {
      const { row, given } = encodeRow(table, write.set);
      if (given.some((column) => table.keys.some((key) => key.includes(column)))) throw new CannotFold('it sets a key');
      return { kind: 'update', row, given, where: encodeWhere(table, write.where) };
    }
    case 'remove':
      return { kind: 'remove', where: encodeWhere(table, write.where) };
  }
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

function encodeRow(table: TableInfo, values: Readonly<Record<string, ColumnValue>>) {
  const row: (string | null)[] = new Array<null>(table.columns.length).fill(null);
  const given: number[] = [];
  for (const name in values) {
    const column = table.indexes.get(name);
    const info = column === undefined ? undefined : table.columns[column];
    if (column === undefined || info === undefined) throw new CannotFold(`there is no column '${name}'`);
    const text = encode(info.plainType, values[name] as ColumnValue);
    if (text === undefined || (text === null && info.notNull)) throw new CannotFold(`'${name}' may not be acceptable`);
    row[column] = text;
    given.push(column);
  }
  return { row, given };
}

/** PostgreSQL checks the row to be inserted before it looks for a conflict. */
function encodeNewRow(table: TableInfo, values: Readonly<Record<string, ColumnValue>>) {
  const encoded = encodeRow(table, values);
  if (encoded.given.length < table.columns.length) {
    for (const [column, { name, notNull, hasDefault }] of table.columns.entries()) {
      if ((hasDefault || notNull) && !encoded.given.includes(column))
        throw new CannotFold(`'${name}' is left to the database`);
    }
  }
  return encoded;
}

function encodeWhere(table: TableInfo, where: Where): EncodedWhere {
  const row: (string | null)[] = new Array<null>(table.columns.length).fill(null);
  const all: { column: number; text: string | null; not: boolean }[] = [];
  for (const [name, wanted] of Object.entries(where)) {
    const column = table.indexes.get(name);
    const not = isNot(wanted);
    const text = comparable(column === undefined ? undefined : table.columns[column], not ? wanted.not : wanted);
    if (column === undefined) throw new CannotFold(`there is no column '${name}'`);
    if (!not) row[column] = text;
    all.push({ column, text, not });
  }
  const place = table.keys.findIndex((key) => key.every((column) => row[column] !== null));
  if (place === -1) throw new CannotFold('the condition names no whole unique key');
  const texts = (table.keys[place] ?? []).map((column) => row[column] ?? '');
  return { place, key: keyText(table, place, row), texts, all };
}

const COMPARABLE = new Set(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date', 'bool']);

/** For comparing in memory, so only of types where equal values have equal texts. */
function comparable(info: ColumnInfo | undefined, value: ColumnValue): string | null {
  const text = info !== undefined && COMPARABLE.has(info.plainType ?? '') ? encode(info.plainType, value) : undefined;
  if (text === undefined) throw new CannotFold(`'${info?.name}' cannot be compared here`);
  return text;
}

function sameColumns(table: TableInfo, key: readonly number[], names: readonly string[]): boolean {
  return key.length === names.length && names.every((name) => key.includes(table.indexes.get(name) ?? -1));
}
