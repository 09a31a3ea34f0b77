import { isChange, isNot } from '../core/changes.ts';
import type { ColumnValue, Where, Write } from '../core/statement.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { JsonEncoder } from './statements/statement-definition.ts';
import { writeDefinition } from './statements/statement-registry.ts';

/** The names of the json and jsonb columns, by table; a table without such a column has no entry. */
export type JsonColumns = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Replaces each value for a json or jsonb column by its JSON text. Otherwise the server would read a string parameter as
 * JSON text, and an array would be sent as a PostgreSQL array.
 */
export function encodeJson(write: Write, json: JsonColumns): Write {
  const columns = json.get(write.table);
  return columns === undefined ? write : writeDefinition(write).encoded(write, jsonEncoder(columns));
}

/** The same for the values of a condition. */
export function encodeJsonWhere(table: string, where: Where, json: JsonColumns): Where {
  const columns = json.get(table);
  return columns === undefined ? where : jsonEncoder(columns).where(where);
}

function jsonEncoder(columns: ReadonlySet<string>): JsonEncoder {
  return {
    // A change (`increment`, …) of a JSON column is left as it is, and PostgreSQL refuses the statement.
    row: (row) =>
      Object.fromEntries(
        Object.entries(row).map(([column, value]) => [
          column,
          columns.has(column) && value !== null && !isChange(value) ? stringifyJson(value) : value,
        ]),
      ),
    where: (where) =>
      Object.fromEntries(
        Object.entries(where).map(([column, wanted]) => {
          if (!columns.has(column)) return [column, wanted];
          return [column, isNot(wanted) ? { ...wanted, not: encode(wanted.not) } : encode(wanted)];
        }),
      ),
  };
}

function encode(value: ColumnValue): ColumnValue {
  return value === null ? null : stringifyJson(value);
}
