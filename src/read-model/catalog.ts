import type { Queryable } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import type { JsonColumns } from './encode-json.ts';
import { suffixOf } from './statement-suffix.ts';
import { type CatalogRow, type TableInfo, toTableInfo } from './table-info.ts';

/** What pg_catalog holds about a set of tables. */
export interface Catalog {
  /** By name; a table that does not exist has no entry. A view has one. */
  readonly tables: ReadonlyMap<string, TableInfo>;
  readonly json: JsonColumns;
  /**
   * The names, quoted and qualified, of the constraints that are initially deferred. Each event has to satisfy them by
   * itself, or the outcome would depend on where a page ends.
   */
  readonly deferred: readonly string[];
  /** Tables where a trigger, a rule or a child table can leave a row out of an UPDATE or a DELETE without an error. */
  readonly lossy: ReadonlySet<string>;
  /** Changes with every change of these tables' definitions; see `catalogMark`. */
  readonly mark: string;
  /** SQL comment to append to every statement text, or ''. It changes when column types or rules change; see `suffixOf`. */
  readonly suffix: string;
}

export const EMPTY_CATALOG: Catalog = {
  tables: new Map(),
  json: new Map(),
  deferred: [],
  lossy: new Set(),
  mark: '0',
  suffix: '',
};

/** Reads the catalog with one statement, so the mark belongs to exactly the definitions that are returned. */
export async function readCatalog(sql: Queryable, tables: readonly string[]): Promise<Catalog> {
  const rows = await sql<(CatalogRow & { readonly mark: string })[]>`
    SELECT ${catalogMark(sql, tables)} AS mark, t.name, c.relkind IN ('r', 'p') AS "storesRows",
      CASE
        WHEN c.relkind <> 'r' OR c.relispartition OR c.relpersistence = 't' THEN 'it is not an ordinary table'
        WHEN c.relam <> (SELECT oid FROM pg_am WHERE amname = 'heap') THEN 'its storage is not PostgreSQL''s own'
        -- Not relhasrules: it stays true until a VACUUM.
        WHEN EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid) THEN 'it has a rule'
        WHEN c.relrowsecurity THEN 'it has row level security'
        WHEN EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) THEN 'it has a trigger'
        WHEN EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c') THEN 'it has a check constraint'
        WHEN EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype NOT IN ('p', 'u', 'n'))
          OR EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid) THEN 'it has a foreign key, exclusion or deferrable constraint'
        WHEN EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhparent = c.oid OR h.inhrelid = c.oid) THEN 'it has parents or children'
        WHEN NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                  AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
          THEN 'the role may not read, insert, update and delete in it'
        WHEN EXISTS (SELECT FROM pg_publication) AND c.relreplident <> 'f'
             AND NOT (c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary))
          THEN 'there is a publication and it has no replica identity'
        WHEN EXISTS (SELECT FROM pg_publication_rel AS p WHERE p.prrelid = c.oid
                     AND (to_jsonb(p) ->> 'prqual' IS NOT NULL OR to_jsonb(p) ->> 'prattrs' IS NOT NULL))
          THEN 'it is published in part'
      END AS "inOrderBecause",
      (SELECT coalesce(json_agg(concat_ws(' ', w.oid, w.xmin) ORDER BY w.oid), '[]')
       FROM pg_rewrite AS w WHERE w.ev_class = c.oid) AS rules,
      -- tgtype: 1 is FOR EACH ROW, 2 BEFORE, 64 INSTEAD OF. A partition or child table may have such a trigger of its own.
      EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid)
        OR EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhparent = c.oid)
        OR EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgtype & 1 <> 0 AND g.tgtype & 66 <> 0) AS lossy,
      (SELECT coalesce(json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'oid', a.atttypid::bigint, 'base', b.typname, 'kind', y.typtype,
          'plain', a.atttypmod = -1 AND y.typtype = 'b' AND y.typnamespace = 'pg_catalog'::regnamespace
                   AND coalesce(l.collisdeterministic, true) AND NOT (a.attlen = -1 AND a.attstorage = 'p'),
          'element', e.typname, 'computed', a.attgenerated <> '', 'identity', a.attidentity <> '', 'notNull', a.attnotnull,
          'hasDefault', a.atthasdef OR y.typdefault IS NOT NULL) ORDER BY a.attnum), '[]')
       FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
       JOIN pg_type AS b ON b.oid = coalesce(nullif(y.typbasetype, 0), y.oid)
       LEFT JOIN pg_type AS e ON e.typarray = y.oid AND e.typtype = 'b' AND e.typnamespace = 'pg_catalog'::regnamespace
       LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      (SELECT coalesce(json_agg(json_build_object(
          'name', x.relname, 'unique', i.indisunique, 'primary', i.indisprimary, 'method', m.amname,
          'enforced', i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive AND NOT i.indisexclusion,
          'nullsDistinct', coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false',
          'predicate', pg_get_expr(i.indpred, i.indrelid), 'computed', i.indexprs IS NOT NULL,
          'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'key', p.ordinal <= i.indnkeyatts,
              'ordinary', p.ordinal > i.indnkeyatts OR (o.oid < 16384 AND (o.opcdefault OR NOT i.indisunique)
                                                      AND coalesce(l.collisdeterministic, true))) ORDER BY p.ordinal), '[]')
            FROM unnest(i.indkey[0:i.indnatts - 1]) WITH ORDINALITY AS p (attnum, ordinal)
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.attnum
            LEFT JOIN pg_opclass AS o ON o.oid = i.indclass[p.ordinal - 1]
            LEFT JOIN pg_collation AS l ON l.oid = i.indcollation[p.ordinal - 1])) ORDER BY i.indisprimary DESC, i.indexrelid), '[]')
       FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
       WHERE i.indrelid = c.oid) AS indexes,
      (SELECT coalesce(json_agg(format('%I.%I', n.nspname, k.conname)), '[]')
       FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
       WHERE k.conrelid = c.oid AND k.condeferred) AS deferred
    FROM unnest(${[...tables]}::text[]) AS t (name) JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))`;
  return {
    tables: new Map(rows.map((row) => [row.name, toTableInfo(row)])),
    json: new Map(rows.map((row) => [row.name, jsonColumns(row)] as const).filter(([, columns]) => columns.size > 0)),
    deferred: rows.flatMap(({ deferred }) => deferred),
    mark: rows[0]?.mark ?? '0',
    lossy: new Set(rows.filter(({ lossy }) => lossy).map(({ name }) => name)),
    suffix: suffixOf(tables, rows),
  };
}

/** The tables of a catalog that store rows. A view and a table that does not exist have no entry. */
export function storedTables({ tables }: Catalog): ReadonlyMap<string, TableInfo> {
  return new Map([...tables].filter(([, { storesRows }]) => storesRows));
}

function jsonColumns({ columns }: CatalogRow): ReadonlySet<string> {
  return new Set(columns.filter(({ base }) => base === 'json' || base === 'jsonb').map(({ name }) => name));
}

/**
 * A scalar SQL expression whose value changes with every change of the definition of one of these tables. It covers the
 * oid behind the name, the versions of the catalog rows of the table and of its columns, indexes, constraints, triggers,
 * rules, parents and publications, and the privileges of the role. It takes about 0.05 ms for two tables.
 */
export function catalogMark(sql: Queryable, tables: readonly string[]): Statement {
  return sql`
    (SELECT coalesce(sum(hashtextextended(concat_ws(' ', t.name, c.oid, v.part), 0)), 0)::text
     FROM unnest(${[...tables]}::text[]) AS t (name)
     JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))
     CROSS JOIN LATERAL (
       SELECT concat_ws(' ', c.xmin, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),
                        has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'),
                        (SELECT count(*) FROM pg_publication)) AS part
       UNION ALL SELECT concat_ws(' ', 'a', a.attnum, a.xmin) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
       UNION ALL SELECT concat_ws(' ', 'i', i.indexrelid, i.xmin) FROM pg_index AS i WHERE i.indrelid = c.oid
       UNION ALL SELECT concat_ws(' ', 'k', k.oid, k.xmin) FROM pg_constraint AS k WHERE k.conrelid = c.oid
       UNION ALL SELECT concat_ws(' ', 'g', g.oid, g.xmin) FROM pg_trigger AS g WHERE g.tgrelid = c.oid
       UNION ALL SELECT concat_ws(' ', 'w', w.oid, w.xmin) FROM pg_rewrite AS w WHERE w.ev_class = c.oid
       UNION ALL SELECT concat_ws(' ', 'h', h.inhrelid, h.inhparent) FROM pg_inherits AS h WHERE h.inhrelid = c.oid OR h.inhparent = c.oid
       UNION ALL SELECT concat_ws(' ', 'p', p.oid, p.xmin) FROM pg_publication_rel AS p WHERE p.prrelid = c.oid
     ) AS v)`;
}
