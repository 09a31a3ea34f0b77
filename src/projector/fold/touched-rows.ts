import { quoteIdentifier } from '../../core/identifier.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import type { Tx } from '../../postgres/pool.ts';
import { quoteColumn } from '../../read-model/row-text.ts';
import type { TableInfo } from '../../read-model/table-info.ts';
import { type EncodedWrite, keyText, type TextRow } from './encode-write.ts';

/** For each unique key of a table, the distinct values that a page's statements name; a value is the texts of its columns. */
type TouchedKeys = readonly (readonly (readonly string[])[])[];

/** The keys that a page's statements name. No statement can affect a row that has none of them. */
function touchedKeys(table: TableInfo, writes: readonly EncodedWrite[]): TouchedKeys {
  const seen = table.keys.map(() => new Map<string, readonly string[]>());
  for (const write of writes) {
    if (write.kind !== 'insert') {
      seen[write.where.keyIndex]?.set(write.where.key, write.where.texts);
      continue;
    }
    for (const [keyIndex, key] of table.keys.entries()) {
      const text = keyText(table, keyIndex, write.row);
      const texts = key.length === 1 ? [text] : key.map((column) => write.row[column] ?? '');
      seen[keyIndex]?.set(text, texts);
    }
  }
  return seen.map((keys) => [...keys.values()]);
}

/** Reads the stored rows that the statements can affect, with one query per unique key. The queries are sent together. */
export async function readTouchedRows(
  tx: Tx,
  table: TableInfo,
  writes: readonly EncodedWrite[],
): Promise<readonly TextRow[]> {
  const touched = touchedKeys(table, writes);
  const selected = table.columns.map(({ name }) => `t.${quoteColumn(name)}::text`).join(', ');
  const results = await Promise.all(
    table.keys.map(async (key, keyIndex) => {
      const values = touched[keyIndex] ?? [];
      if (values.length === 0) return [];
      const columns = key.map((column) => table.columns[column]);
      const arrays = columns.map((column, index) => `$${index + 1}::${column?.type}[]`).join(', ');
      const join = columns.map((column, index) => `t.${quoteColumn(column?.name ?? '')} = k.c${index}`).join(' AND ');
      const names = key.map((_, index) => `c${index}`).join(', ');
      const parameters = key.map((_, index) => arrayLiteral(values.map((texts) => texts[index] ?? null)));
      return await tx
        .unsafe(
          `SELECT ${selected} FROM unnest(${arrays}) AS k (${names}) JOIN ${quoteIdentifier(table.name)} AS t ON ${join}`,
          parameters,
          { prepare: true },
        )
        .values();
    }),
  );
  // Several queries may have found the same row.
  const rows = new Map<string, TextRow>();
  for (const row of results.flat() as readonly TextRow[]) rows.set(keyText(table, 0, row), row);
  return [...rows.values()];
}
