import type { RowText } from '../core/failure.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Queryable } from '../postgres/pool.ts';

/** A column of a table that is read as text. */
export interface NamedColumn {
  readonly name: string;
}

/** A row version that a transaction sees. */
export interface RowVersion {
  /** Table oid and ctid: another one for each version of a row, the same one in every session that sees it. */
  readonly tuple: string;
  readonly ctid: string;
  /** The key's values, as the text of a JSON array. */
  readonly key: string;
  /** A digest of the whole row. */
  readonly mark: string;
}

/** The select list of `RowVersion`s, for a table with alias `r`. */
export function versionColumns(key: readonly string[]): string {
  return `r.tableoid::text || r.ctid::text AS tuple, r.ctid::text AS ctid, ${keyText(key)} AS key, md5(r.*::text) AS mark`;
}

/** SQL: the key of a row with alias `r`, as the text of a JSON array. */
export function keyText(key: readonly string[]): string {
  return `jsonb_build_array(${key.map((column) => `r.${quoteIdentifier(column)}::text`).join(', ')})::text`;
}

/** Returns the tuples of those versions that are visible to this session. */
export async function visibleTuples(
  sql: Queryable,
  table: string,
  versions: readonly RowVersion[],
): Promise<ReadonlySet<string>> {
  if (versions.length === 0) return new Set();
  const rows = await sql.unsafe<{ tuple: string }[]>(
    `SELECT r.tableoid::text || r.ctid::text AS tuple FROM ${quoteIdentifier(table)} AS r WHERE r.ctid = ANY($1::text[]::tid[])`,
    [versions.map(({ ctid }) => ctid)],
  );
  return new Set(rows.map(({ tuple }) => tuple));
}

/** Reads all columns of these versions as text, by tuple. */
export async function readRowTexts(
  sql: Queryable,
  table: string,
  columns: readonly NamedColumn[],
  versions: readonly RowVersion[],
): Promise<ReadonlyMap<string, RowText>> {
  if (versions.length === 0) return new Map();
  const rows = await sql.unsafe<{ tuple: string; cells: (string | null)[] }[]>(
    `SELECT r.tableoid::text || r.ctid::text AS tuple, ${cellsOf(columns)} AS cells
     FROM ${quoteIdentifier(table)} AS r WHERE r.ctid = ANY($1::text[]::tid[])`,
    [versions.map(({ ctid }) => ctid)],
  );
  return new Map(rows.map(({ tuple, cells }) => [tuple, toRowText(columns, cells)]));
}

/** Quotes any column name: in a table made by hand it need not be an identifier that statements accept. */
export function quoteColumn(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** SQL: an array of all columns as text, for a table with alias `r`. */
export function cellsOf(columns: readonly NamedColumn[]): string {
  return `ARRAY[${columns.map(({ name }) => `r.${quoteColumn(name)}::text`).join(', ')}]`;
}

export function toRowText(columns: readonly NamedColumn[], cells: readonly (string | null)[]): RowText {
  return Object.fromEntries(columns.map(({ name }, index) => [name, cells[index] ?? null]));
}
