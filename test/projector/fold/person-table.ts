import type { ColumnInfo, TableInfo } from '../../../src/read-model/table-info.ts';

const column = (name: string, plainType: string | null, more: Partial<ColumnInfo> = {}): ColumnInfo => ({
  name,
  plainType,
  type: plainType ?? 'character varying(10)',
  oid: 0,
  notNull: false,
  hasDefault: false,
  computed: false,
  maxBytes: null,
  ...more,
});

/** A table as the catalog describes it: two unique keys, the second of two columns, and two columns that may be NULL. */
export function personTable(more: readonly ColumnInfo[] = []): TableInfo {
  const columns = [
    column('id', 'int4', { notNull: true }),
    column('first', 'text', { notNull: true }),
    column('last', 'text', { notNull: true }),
    column('visits', 'int2'),
    column('tags', 'jsonb'),
    ...more,
  ];
  return {
    name: 'person',
    storesRows: true,
    columns,
    indexes: new Map(columns.map(({ name }, index) => [name, index])),
    keys: [[0], [1, 2]],
    rewritable: true,
    inOrderBecause: null,
  };
}

export const withDefault = column('made', 'timestamptz', { hasDefault: true });
export const needed = column('city', 'text', { notNull: true });
export const limited = column('short', null);
