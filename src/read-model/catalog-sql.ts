import type { Catalog } from './catalog.ts';
import { encodeJson } from './json-columns.ts';
import { type SqlText, toSql, toSqlOrFail, type Write } from './write-sql.ts';

/** A write as it is sent to tables of which the catalog says this. */
export function catalogSql(write: Write, catalog: Catalog): SqlText {
  const sql = toSql(encodeJson(write, catalog.json), catalog.lossy.has(write.table));
  const { counting } = sql;
  return withSuffix(counting === undefined ? sql : { ...sql, counting: withSuffix(counting, catalog) }, catalog);
}

/** The same where nothing can be read of the answers before COMMIT: what must not be fails by itself. */
export function catalogSqlOrFail(write: Write, catalog: Catalog): SqlText {
  return withSuffix(toSqlOrFail(encodeJson(write, catalog.json), catalog.lossy.has(write.table)), catalog);
}

function withSuffix(sql: SqlText, { suffix }: Catalog): SqlText {
  return suffix === '' ? sql : { ...sql, text: sql.text + suffix };
}
