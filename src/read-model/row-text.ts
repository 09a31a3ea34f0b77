import type { RowText } from '../core/failure.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Column } from './columns.ts';

/** A row as a transaction sees it: which version of which row, and whether two of them hold the same. */
export interface RowVersion {
  /** Differs between versions of a row, is the same for everybody who sees this one. */
  readonly place: string;
  readonly ctid: string;
  /** The key's values as text. */
  readonly key: string;
  /** A digest of the whole row. */
  readonly mark: string;
}

/** For a `SELECT … FROM` of these: alias `r`. */
export function versionColumns(key: readonly string[]): string {
  return `r.tableoid::text || r.ctid::text AS place, r.ctid::text AS ctid, ${keyText(key)} AS key, md5(r.*::text) AS mark`;
}

export function keyText(key: readonly string[]): string {
  return `jsonb_build_array(${key.map((column) => `r.${quoteIdentifier(column)}::text`).join(', ')})::text`;
}

/** Which of these versions this transaction sees, by place. */
export async function stillSeen(
  sql: Queryable,
  table: string,
  versions: readonly RowVersion[],
): Promise<ReadonlySet<string>> {
  if (versions.length === 0) return new Set();
  const rows = await sql.unsafe<{ place: string }[]>(
    `SELECT r.tableoid::text || r.ctid::text AS place FROM ${quoteIdentifier(table)} AS r WHERE r.ctid = ANY($1::text[]::tid[])`,
    [versions.map(({ ctid }) => ctid)],
  );
  return new Set(rows.map(({ place }) => place));
}

/** What is in these versions, by place. */
export async function readRowTexts(
  sql: Queryable,
  table: string,
  columns: readonly Column[],
  versions: readonly RowVersion[],
): Promise<ReadonlyMap<string, RowText>> {
  if (versions.length === 0) return new Map();
  const rows = await sql.unsafe<{ place: string; cells: (string | null)[] }[]>(
    `SELECT r.tableoid::text || r.ctid::text AS place, ${cellsOf(columns)} AS cells
     FROM ${quoteIdentifier(table)} AS r WHERE r.ctid = ANY($1::text[]::tid[])`,
    [versions.map(({ ctid }) => ctid)],
  );
  return new Map(rows.map(({ place, cells }) => [place, toRowText(columns, cells)]));
}

/** A column of a table that somebody else has made may have any name. */
export function quoteColumn(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Every column as text, for a `SELECT … FROM` with alias `r`. */
export function cellsOf(columns: readonly Column[]): string {
  return `ARRAY[${columns.map(({ name }) => `r.${quoteColumn(name)}::text`).join(', ')}]`;
}

export function toRowText(columns: readonly Column[], cells: readonly (string | null)[]): RowText {
  return Object.fromEntries(columns.map(({ name }, index) => [name, cells[index] ?? null]));
}
