import type { Queryable } from './connect.ts';

/** One column as folding needs to know it. */
export interface ColumnInfo {
  readonly name: string;
  /** Base type's name without modifier (`uuid`, `text`, `int4`), or null when it has a modifier, is a domain, … */
  readonly plainType: string | null;
  /** As a cast writes it: `timestamp with time zone`, `character varying(10)`. */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
}

export interface TableInfo {
  readonly name: string;
  readonly columns: readonly ColumnInfo[];
  /** Place of each column in `columns`, by name. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Columns of each unique index, by their place in `columns`; the primary key first. */
  readonly keys: readonly (readonly number[])[];
  /** Why its statements must run one by one; null when they may be folded. */
  readonly inOrderBecause: string | null;
}

interface CatalogRow {
  readonly name: string;
  readonly columns: readonly ColumnInfo[];
  readonly keys: readonly (readonly string[])[];
  readonly odd: string | null;
}

/**
 * What the database says about these tables, by name; a table that is not there has no entry.
 *
 * Folding leaves out values that later events of the page overwrite. Where a constraint or a trigger would have seen
 * such a value, that changes the outcome, so those tables run in order.
 */
export async function readCatalog(sql: Queryable, tables: readonly string[]): Promise<ReadonlyMap<string, TableInfo>> {
  const rows = await sql<CatalogRow[]>`
    SELECT t.name,
      (SELECT json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'hasDefault', a.atthasdef,
          'plainType', CASE WHEN a.atttypmod = -1 AND y.typtype = 'b' AND a.attgenerated = '' AND a.attidentity = ''
                                 AND coalesce(l.collisdeterministic, true) THEN y.typname END) ORDER BY a.attnum)
       FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      (SELECT coalesce(json_agg(k.columns ORDER BY k.indisprimary DESC), '[]')
       FROM (SELECT i.indisprimary, (SELECT json_agg(a.attname ORDER BY p.place)
                     FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS p (attnum, place)
                     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.attnum) AS columns
             FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique) AS k) AS keys,
      CASE
        WHEN c.relkind <> 'r' THEN 'it is not an ordinary table'
        WHEN c.relhasrules THEN 'it has a rule'
        WHEN c.relrowsecurity THEN 'it has row level security'
        WHEN EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) THEN 'it has a trigger'
        WHEN EXISTS (SELECT FROM pg_constraint AS k WHERE (k.conrelid = c.oid OR k.confrelid = c.oid) AND k.contype IN ('c', 'f', 'x', 't'))
          THEN 'it has a check, exclusion or foreign key constraint'
        WHEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND (i.indisunique AND
                       (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR NOT i.indimmediate OR NOT i.indisvalid)))
          THEN 'it has a partial, computed or deferred unique index'
        WHEN EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhparent = c.oid OR h.inhrelid = c.oid) THEN 'it has parents or children'
      END AS odd
    FROM unnest(${tables}::text[]) AS t (name) JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))`;
  return new Map(rows.map((row) => [row.name, toTableInfo(row)]));
}

function toTableInfo({ name, columns, keys, odd }: CatalogRow): TableInfo {
  const indexes = new Map(columns.map((column, index) => [column.name, index]));
  const places = keys.map((key) => key.map((column) => indexes.get(column) ?? -1));
  return { name, columns, indexes, keys: places, inOrderBecause: odd ?? oddKeys(columns, keys) };
}

/** Rows are found in memory by their keys, so equal must mean the same text, and NULL must not occur. */
const KEY_TYPES = new Set(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date']);

function oddKeys(columns: readonly ColumnInfo[], keys: readonly (readonly string[])[]): string | null {
  if (keys.length === 0) return 'it has no unique key';
  for (const name of keys.flat()) {
    const column = columns.find((one) => one.name === name);
    if (column?.plainType == null || !KEY_TYPES.has(column.plainType))
      return `'${name}' is in a unique key and not of a plain type`;
  }
  const generated = columns.find((column) => column.plainType === null && column.hasDefault);
  return generated === undefined ? null : `'${generated.name}' is computed by the database`;
}
