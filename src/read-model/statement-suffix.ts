import type { CatalogRow } from './table-info.ts';

/** By the names of the tables: the definition that was read last, and how many different ones were read in a row. */
const definitions = new Map<string, { definition: string; readonly number: number }>();

/**
 * The SQL comment that makes sessions prepare statements again after column types or rules have changed; '' for the first
 * definition that this process has read.
 *
 * A prepared statement keeps the column types and rules of the time when it was prepared. The server goes on reading its
 * parameters as those types: it refuses a number too large for the old `integer`, although the column is `bigint` now. A
 * statement that a rule had replaced by nothing depends on no table, so the server never plans it again, and it does
 * nothing after the rule is dropped. A statement with another text is prepared again. A number is never reused, even if
 * a definition comes back: between the two a session may have prepared the old text under another definition.
 */
export function suffixOf(tables: readonly string[], rows: readonly CatalogRow[]): string {
  const key = tables.join();
  const parts = rows.map(({ name, columns, rules }) => [name, rules, columns.map(({ name, type }) => [name, type])]);
  const definition = JSON.stringify(parts);
  const last = definitions.get(key);
  const number = last === undefined ? 1 : last.definition === definition ? last.number : last.number + 1;
  definitions.set(key, { definition, number });
  return number === 1 ? '' : ` /* definition ${number} */`;
}

/** Gives these tables a new suffix at the next read: statements failed because the tables had changed under them. */
export function renewSuffix(tables: readonly string[]): void {
  const last = definitions.get(tables.join());
  if (last !== undefined) last.definition = '';
}
