import { quoteIdentifier } from '../../core/identifier.ts';
import { arrayLiteral } from '../../postgres/parameters.ts';
import type { Tx } from '../../postgres/pool.ts';
import { quoteColumn } from '../../read-model/row-text.ts';
import type { TableInfo } from '../../read-model/table-info.ts';
import type { TextRow } from './encode-write.ts';
import type { Difference } from './table-fold.ts';

/**
 * Writes the difference that a page makes in one table, with at most one DELETE, one UPDATE per set of columns, and one
 * INSERT, sent together. The order matters: a row with a new key must be deleted before it is inserted again.
 */
export async function writeDifference(tx: Tx, table: TableInfo, difference: Difference): Promise<void> {
  const { remove, change, insert } = difference;
  const sent: Promise<unknown>[] = [];
  const send = (text: string, rows: readonly TextRow[], columns: readonly number[]): void => {
    const parameters = columns.map((column) => arrayLiteral(rows.map((row) => row[column] ?? null)));
    sent.push(tx.unsafe(text, parameters, { prepare: true, changes: rows.length }).execute());
  };
  const primary = table.keys[0] ?? [];
  const name = quoteIdentifier(table.name);
  if (remove.length > 0) {
    send(`DELETE FROM ${name} AS t USING ${unnest(table, primary)} WHERE ${equal(table, primary)}`, remove, primary);
  }
  for (const { columns, rows } of groupByColumns(change)) {
    const set = columns
      .map((column) => `${quoteColumn(table.columns[column]?.name ?? '')} = ${newValue(table, column)}`)
      .join(', ');
    const all = [...primary, ...columns];
    send(`UPDATE ${name} AS t SET ${set} FROM ${unnest(table, all)} WHERE ${equal(table, primary)}`, rows, all);
  }
  if (insert.length > 0) {
    const all = [...table.columns.keys()];
    const values = all.map((column) => newValue(table, column)).join(', ');
    const names = namesOf(table, all).join(', ');
    send(`INSERT INTO ${name} (${names}) SELECT ${values} FROM ${unnest(table, all)}`, insert, all);
  }
  await settleAll(sent);
}

/** Waits for every statement, so that no rejection stays unhandled. @throws the first error, in the order sent */
async function settleAll(sent: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function namesOf(table: TableInfo, columns: readonly number[]): readonly string[] {
  return columns.map((column) => quoteColumn(table.columns[column]?.name ?? ''));
}

/** `unnest` splits an array of arrays down to its elements, so the values of an array column are sent as text. */
function isArray(table: TableInfo, column: number): boolean {
  return table.columns[column]?.type.endsWith('[]') === true;
}

function newValue(table: TableInfo, column: number): string {
  const { name = '', type } = table.columns[column] ?? {};
  return `n.${quoteColumn(name)}${isArray(table, column) ? `::${type}` : ''}`;
}

function unnest(table: TableInfo, columns: readonly number[]): string {
  const types = columns.map((column) => (isArray(table, column) ? 'text' : table.columns[column]?.type));
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  return `unnest(${arrays}) AS n (${namesOf(table, columns).join(', ')})`;
}

function equal(table: TableInfo, columns: readonly number[]): string {
  return namesOf(table, columns)
    .map((column) => `t.${column} = n.${column}`)
    .join(' AND ');
}

function groupByColumns(
  change: Difference['change'],
): Iterable<{ readonly columns: readonly number[]; readonly rows: TextRow[] }> {
  const groups = new Map<string, { readonly columns: readonly number[]; readonly rows: TextRow[] }>();
  for (const { values, columns } of change) {
    const key = columns.join(',');
    const group = groups.get(key) ?? { columns, rows: [] };
    group.rows.push(values);
    groups.set(key, group);
  }
  return groups.values();
}
