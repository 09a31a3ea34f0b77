import type { CatalogRow } from './table-info.ts';

/** By the names of the tables: what was read of them last, and how often that was not what was read before. */
const texts = new Map<string, { definition: string; readonly number: number }>();

/**
 * A session has prepared a statement for the column types and the rules of its time. It goes on reading the parameters
 * as those types: a number too large for the old `integer` is refused although the column is `bigint` by now. A
 * statement that a rule had replaced by nothing depends on no table, so the server never plans it anew, and it does
 * nothing after the rule is dropped. Another text is prepared anew. A number is not used twice: of two definitions that
 * look the same a session may have prepared what was written under a third one between them.
 */
export function suffixOf(tables: readonly string[], rows: readonly CatalogRow[]): string {
  const key = tables.join();
  const parts = rows.map(({ name, columns, rules }) => [name, rules, columns.map(({ name, type }) => [name, type])]);
  const definition = JSON.stringify(parts);
  const last = texts.get(key);
  const number = last === undefined ? 1 : last.definition === definition ? last.number : last.number + 1;
  texts.set(key, { definition, number });
  return number === 1 ? '' : ` /* definition ${number} */`;
}

/** The texts have met tables that were changed under them: what is read next of these tables gets a new suffix. */
export function renewSuffix(tables: readonly string[]): void {
  const last = texts.get(tables.join());
  if (last !== undefined) last.definition = '';
}
