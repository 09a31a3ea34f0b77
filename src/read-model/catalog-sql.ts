import type { Write } from '../core/statement.ts';
import type { Catalog } from './catalog.ts';
import { encodeJson } from './encode-json.ts';
import { type SqlText, toSql, toSqlOrFail } from './write-sql.ts';

/** The SQL of a write for tables with this catalog: JSON encoded, rows counted on lossy tables, the suffix appended. */
export function catalogSql(write: Write, catalog: Catalog): SqlText {
  const sql = toSql(encodeJson(write, catalog.json), catalog.lossy.has(write.table));
  const { counting } = sql;
  return withSuffix(counting === undefined ? sql : { ...sql, counting: withSuffix(counting, catalog) }, catalog);
}

/** The same for a page whose COMMIT is sent along: a wrong number of rows makes the statement itself fail. */
export function catalogSqlOrFail(write: Write, catalog: Catalog): SqlText {
  return withSuffix(toSqlOrFail(encodeJson(write, catalog.json), catalog.lossy.has(write.table)), catalog);
}

function withSuffix(sql: SqlText, { suffix }: Catalog): SqlText {
  return suffix === '' ? sql : { ...sql, text: sql.text + suffix };
}
