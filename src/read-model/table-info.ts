import { isIdentifier } from '../core/identifier.ts';

/** One column as folding needs to know it. */
export interface ColumnInfo {
  readonly name: string;
  /** Built-in type's name (`uuid`, `text`, `int4`), or null when it has a modifier, a collation without equality by bytes, … */
  readonly plainType: string | null;
  /** As a cast writes it: `timestamp with time zone`, `character varying(10)`. */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** UTF-8 bytes that every index on it is certain to take; null: it is in none. */
  readonly maxBytes: number | null;
}

export interface TableInfo {
  readonly name: string;
  readonly columns: readonly ColumnInfo[];
  /** Place of each column in `columns`, by name; without those that no statement can name. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Columns of each unique index, by their place in `columns`; the primary key first. */
  readonly keys: readonly (readonly number[])[];
  /** A row may be deleted and inserted again from its texts. */
  readonly rewritable: boolean;
  /** Why its statements must run one by one; null when they may be folded. */
  readonly inOrderBecause: string | null;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  /** Name of the type, of a domain that of its base. */
  readonly base: string;
  /** pg_type.typtype */
  readonly kind: string;
  readonly plain: boolean;
  /** Of an array of built-in values what they are. */
  readonly element: string | null;
  readonly computed: boolean;
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
  readonly odd: string | null;
  /** Each rule by its identity and version. */
  readonly rules: readonly string[];
  /** It may leave an update or a delete out without an error. */
  readonly lossy: boolean;
  readonly columns: readonly ColumnRow[];
  readonly indexes: readonly IndexRow[];
  readonly deferred: readonly string[];
}

/** Keys are compared in memory, so equal must mean the same text. */
const KEY_TYPES = new Set(['uuid', 'text', 'varchar', 'int2', 'int4', 'int8', 'date']);

/** Types whose texts give the same value back, whatever it is. */
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

/** A row of more columns may not fit its page, with every long value stored apart. */
const COLUMNS_THAT_FIT = 200;

/** A btree's entry may have 2704 bytes; the rest is for lengths and alignment. */
const INDEX_ENTRY_BYTES = 2000;

/**
 * Folding leaves out values that later events of the page overwrite, and compares keys in memory. So a table is folded
 * only where the catalog proves that PostgreSQL takes every value that encodes, and that equal keys have equal texts:
 * what is not listed here as harmless runs in order.
 */
export function toTableInfo(row: CatalogRow): TableInfo {
  const { name, columns, indexes } = row;
  const places = new Map(columns.map((column, index) => [column.name, index]));
  const limits = indexLimits(indexes);
  const unique = indexes.filter((index) => index.unique);
  return {
    name,
    columns: columns.map((column) => ({
      name: column.name,
      type: column.type,
      plainType: column.plain && !column.computed ? column.base : null,
      notNull: column.notNull,
      hasDefault: column.hasDefault,
      maxBytes: limits.get(column.name) ?? null,
    })),
    indexes: new Map([...places].filter(([column]) => isIdentifier(column))),
    keys: unique.map((index) => keyColumns(index).map((column) => places.get(column) ?? -1)),
    rewritable: columns.every(({ plain, base, element, type }) =>
      plain && element === null
        ? TEXT_IS_VALUE.has(base)
        : element !== null && type.endsWith('[]') && TEXT_IS_VALUE.has(element),
    ),
    inOrderBecause: row.odd ?? oddColumns(row) ?? firstReason(indexes, (index) => oddIndex(index, columns)),
  };
}

function oddColumns({ columns, indexes }: CatalogRow): string | null {
  if (!indexes.some(({ unique }) => unique)) return 'it has no unique key';
  if (columns.length > COLUMNS_THAT_FIT) return `it has more than ${COLUMNS_THAT_FIT} columns`;
  return firstReason(columns, ({ name, kind, computed }) => {
    if (kind === 'd') return `'${name}' is of a domain`;
    return computed ? `'${name}' is computed by the database` : null;
  });
}

function oddIndex(index: IndexRow, columns: readonly ColumnRow[]): string | null {
  const { name, method, predicate } = index;
  if (index.computed) return `its index '${name}' is on an expression`;
  if (index.unique && (!index.enforced || predicate !== null))
    return `its unique index '${name}' is partial, deferrable or not valid`;
  if (index.unique && !index.nullsDistinct) return `its unique index '${name}' takes NULLs for equal`;
  // The condition is worked out for every row, and may fail on one.
  if (predicate !== null && !HARMLESS_CONDITION.test(predicate)) return `its index '${name}' has a condition`;
  const odd = index.columns.find(({ ordinary }) => !ordinary);
  if (odd !== undefined) return `its index '${name}' compares '${odd.name}' in a way of its own`;
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

/** These take any value that is short enough. */
const METHODS = new Set(['btree', 'hash', 'brin']);

/** `(deleted IS NULL)`, as PostgreSQL writes it. */
const HARMLESS_CONDITION = /^\(?(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*) IS (?:NOT )?NULL\)?$/;

function keyColumns({ columns }: IndexRow): readonly string[] {
  return columns.filter(({ key }) => key).map(({ name }) => name);
}

/** All columns of an entry share its room. */
function indexLimits(indexes: readonly IndexRow[]): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const { columns, method } of indexes) {
    // A hash has one size, and GIN keeps hashes of what is long.
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
