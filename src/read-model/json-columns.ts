import { isChange, isNot } from '../core/changes.ts';
import type { Change, ColumnValue, Where } from '../core/statement.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Write } from './write-sql.ts';

/** The json and jsonb columns by table; a table without one has no entry. */
export type JsonColumns = ReadonlyMap<string, ReadonlySet<string>>;

export async function readJsonColumns(sql: Queryable, tables: readonly string[]): Promise<JsonColumns> {
  const rows = await sql<{ name: string; columns: string[] }[]>`
    SELECT t.name, array_agg(a.attname::text) AS columns
    FROM unnest(${tables}::text[]) AS t (name)
    JOIN pg_attribute AS a ON a.attrelid = to_regclass(quote_ident(t.name)) AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS y ON y.oid = a.atttypid
    WHERE coalesce(nullif(y.typbasetype, 0), y.oid) IN ('json'::regtype, 'jsonb'::regtype)
    GROUP BY t.name`;
  return new Map(rows.map(({ name, columns }) => [name, new Set(columns)]));
}

/**
 * Writes what goes to a JSON column as JSON text. As a parameter a string would be taken for JSON that is written
 * already, and a list for an array of PostgreSQL's.
 */
export function encodeJson(write: Write, json: JsonColumns): Write {
  const columns = json.get(write.table);
  if (columns === undefined) return write;
  switch (write.kind) {
    case 'create':
      return { ...write, values: encodeRow(write.values, columns) };
    case 'upsert':
      return { ...write, values: encodeRow(write.values, columns) };
    case 'update':
      return { ...write, set: encodeRow(write.set, columns), where: encodeWhere(write.where, columns) };
    case 'remove':
      return { ...write, where: encodeWhere(write.where, columns) };
    case 'copy':
      return { ...write, set: encodeRow(write.set, columns), where: encodeWhere(write.where, columns) };
  }
}

/** JSON columns take values only: what changes one instead stays as it is, and PostgreSQL refuses it. */
function encodeRow<T extends ColumnValue | Change>(
  row: Readonly<Record<string, T>>,
  columns: ReadonlySet<string>,
): Readonly<Record<string, T | string>> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      columns.has(column) && value !== null && !isChange(value) ? stringifyJson(value) : value,
    ]),
  );
}

function encodeWhere(where: Where, columns: ReadonlySet<string>): Where {
  return Object.fromEntries(
    Object.entries(where).map(([column, wanted]) => {
      if (!columns.has(column)) return [column, wanted];
      return [column, isNot(wanted) ? { ...wanted, not: encode(wanted.not) } : encode(wanted)];
    }),
  );
}

function encode(value: ColumnValue): ColumnValue {
  return value === null ? null : stringifyJson(value);
}
