import { isIdentifier } from '../core/identifier.ts';

/** One column, with what folding needs. */
export interface ColumnInfo {
  readonly name: string;
  /** Name of the built-in type (`uuid`, `text`, `int4`); null if the column has a modifier, a nondeterministic collation, … */
  readonly plainType: string | null;
  /** As a cast writes it: `timestamp with time zone`, `character varying(10)`. */
  readonly type: string;
  /** Oid of the type. A built-in type has the same oid on every server. */
  readonly oid: number;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** GENERATED ALWAYS AS (…) STORED: it cannot be written. */
  readonly computed: boolean;
  /** UTF-8 bytes that every index on the column is certain to accept; null if no index limits it. */
  readonly maxBytes: number | null;
}

export interface TableInfo {
  readonly name: string;
  /** True for an ordinary or a partitioned table, false for a view. */
  readonly storesRows: boolean;
  readonly columns: readonly ColumnInfo[];
  /** Index of each column in `columns`, by name; without the columns whose name no statement can use. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Columns of each unique index, as indexes into `columns`; the primary key first. */
  readonly keys: readonly (readonly number[])[];
  /** Whether the texts of a row are enough to delete it and insert it again. */
  readonly rewritable: boolean;
  /** Why the statements on this table must run one by one; null if they may be folded. */
  readonly inOrderBecause: string | null;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly oid: number;
  /** Name of the type; for a domain the name of its base type. */
  readonly base: string;
  /** pg_type.typtype */
  readonly kind: string;
  readonly plain: boolean;
  /** Element type of an array of a built-in base type; else null. */
  readonly element: string | null;
  /** GENERATED ALWAYS AS (…) STORED. */
  readonly computed: boolean;
  readonly identity: boolean;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
}

interface IndexRow {
  readonly name: string;
  readonly unique: boolean;
  readonly primary: boolean;
  readonly method: string;
  readonly enforced: boolean;
  readonly nullsDistinct: boolean;
  readonly predicate: string | null;
  readonly computed: boolean;
  readonly columns: readonly { readonly name: string; readonly key: boolean; readonly ordinary: boolean }[];
}

export interface CatalogRow {
  readonly name: string;
  readonly storesRows: boolean;
  /** The first property of the table itself that forbids folding; null if there is none. */
  readonly inOrderBecause: string | null;
  /** Each rule as its oid and row version. */
  readonly rules: readonly string[];
  /** Whether the table can leave a row out of an UPDATE or a DELETE without an error. */
  readonly lossy: boolean;
  readonly columns: readonly ColumnRow[];
  readonly indexes: readonly IndexRow[];
  readonly deferred: readonly string[];
}

/** Types whose equal values have equal texts. Keys are compared in memory by their texts. */
const KEY_TYPES = new Set(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date']);

/** Types for which the text of any value reads back as the same value. */
const TEXT_IS_VALUE = new Set([
  ...KEY_TYPES,
  'bool',
  'float4',
  'float8',
  'numeric',
  'timestamptz',
  'json',
  'jsonb',
  'bytea',
]);

/** A row with more columns may not fit its disk page, even with every long value stored in TOAST. */
const COLUMNS_THAT_FIT = 200;

/** A btree entry may have 2704 bytes; the rest is left for lengths and alignment. */
const INDEX_ENTRY_BYTES = 2000;

/**
 * Folding leaves out values that later events of the page overwrite, and compares keys in memory. So a table is folded
 * only if the catalog proves that PostgreSQL accepts every value that encodes, and that equal keys have equal texts. A
 * table with a property that is not listed here as harmless runs in order.
 */
export function toTableInfo(row: CatalogRow): TableInfo {
  const { name, storesRows, columns, indexes } = row;
  const columnIndexes = new Map(columns.map((column, index) => [column.name, index]));
  const limits = indexLimits(indexes);
  const unique = indexes.filter((index) => index.unique);
  return {
    name,
    storesRows,
    columns: columns.map((column) => ({
      name: column.name,
      type: column.type,
      oid: column.oid,
      plainType: column.plain && !isAssigned(column) ? column.base : null,
      notNull: column.notNull,
      hasDefault: column.hasDefault,
      computed: column.computed,
      maxBytes: limits.get(column.name) ?? null,
    })),
    indexes: new Map([...columnIndexes].filter(([column]) => isIdentifier(column))),
    keys: unique.map((index) => keyColumns(index).map((column) => columnIndexes.get(column) ?? -1)),
    rewritable: columns.every(({ plain, base, element, type }) =>
      plain && element === null
        ? TEXT_IS_VALUE.has(base)
        : element !== null && type.endsWith('[]') && TEXT_IS_VALUE.has(element),
    ),
    inOrderBecause:
      row.inOrderBecause ?? columnReason(row) ?? firstReason(indexes, (index) => indexReason(index, columns)),
  };
}

function columnReason({ columns, indexes }: CatalogRow): string | null {
  if (!indexes.some(({ unique }) => unique)) return 'it has no unique key';
  if (columns.length > COLUMNS_THAT_FIT) return `it has more than ${COLUMNS_THAT_FIT} columns`;
  return firstReason(columns, (column) => {
    if (column.kind === 'd') return `'${column.name}' is of a domain`;
    return isAssigned(column) ? `'${column.name}' is computed by the database` : null;
  });
}

/** The server writes the value itself. */
function isAssigned({ computed, identity }: ColumnRow): boolean {
  return computed || identity;
}

function indexReason(index: IndexRow, columns: readonly ColumnRow[]): string | null {
  const { name, method, predicate } = index;
  if (index.computed) return `its index '${name}' is on an expression`;
  if (index.unique && (!index.enforced || predicate !== null))
    return `its unique index '${name}' is partial, deferrable or not valid`;
  if (index.unique && !index.nullsDistinct) return `its unique index '${name}' takes NULLs for equal`;
  // The server evaluates the condition for every row, and the evaluation may fail for one of them.
  if (predicate !== null && !HARMLESS_CONDITION.test(predicate)) return `its index '${name}' has a condition`;
  const special = index.columns.find(({ ordinary }) => !ordinary);
  if (special !== undefined) return `its index '${name}' compares '${special.name}' in a way of its own`;
  const types = index.columns.map((one) => ({ ...one, column: columns.find((column) => column.name === one.name) }));
  const inKey = types.find(({ key, column }) => key && index.unique && !isKeyColumn(column));
  if (inKey !== undefined) return `'${inKey.name}' is in a unique key and not of a plain type`;
  const json = types.some(({ column }) => column?.base === 'jsonb');
  const known = method === 'gin' ? types.every(({ column }) => column?.base === 'jsonb') : METHODS.has(method) && !json;
  return known ? null : `its index '${name}' may refuse values (${method})`;
}

function isKeyColumn(column: ColumnRow | undefined): boolean {
  return column?.plain === true && KEY_TYPES.has(column.base);
}

/** Index methods that accept any value that is short enough. */
const METHODS = new Set(['btree', 'hash', 'brin']);

/** Matches `(deleted IS NULL)`, as pg_get_expr writes it. */
const HARMLESS_CONDITION = /^\(?(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*) IS (?:NOT )?NULL\)?$/;

function keyColumns({ columns }: IndexRow): readonly string[] {
  return columns.filter(({ key }) => key).map(({ name }) => name);
}

/** Bytes per column, by name: all columns of an index entry share its size. */
function indexLimits(indexes: readonly IndexRow[]): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const { columns, method } of indexes) {
    // A hash index stores a hash of fixed size, and a GIN index stores hashes of long values.
    if (method === 'hash' || method === 'gin') continue;
    const share = Math.floor(INDEX_ENTRY_BYTES / columns.length);
    for (const { name } of columns) limits.set(name, Math.min(share, limits.get(name) ?? share));
  }
  return limits;
}

function firstReason<T>(all: readonly T[], why: (one: T) => string | null): string | null {
  for (const one of all) {
    const reason = why(one);
    if (reason !== null) return reason;
  }
  return null;
}
