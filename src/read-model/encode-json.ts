import { isChange, isNot } from '../core/changes.ts';
import type { Change, ColumnValue, Where } from '../core/statement.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { Write } from './write-sql.ts';

/** The names of the json and jsonb columns, by table; a table without such a column has no entry. */
export type JsonColumns = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Replaces each value for a json or jsonb column by its JSON text. Otherwise the server would read a string parameter as
 * JSON text, and an array would be sent as a PostgreSQL array.
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

/** A change (`increment`, …) of a JSON column is left as it is, and PostgreSQL refuses the statement. */
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
