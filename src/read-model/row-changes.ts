import type { RowChange } from '../core/failure.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import { pairRows, type RowPair } from '../core/row-changes.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import { keyText, type NamedColumn, type RowVersion, readRowTexts, versionColumns, visibleTuples } from './row-text.ts';

/** Rows of one table that are read at most. */
const ROWS_READ = 10_000;

export interface ChangesRequest {
  /** The key and all columns of each table, by the table's name. */
  readonly tables: ReadonlyMap<string, { readonly key: readonly string[]; readonly columns: readonly NamedColumn[] }>;
  /** Id of the transaction whose changes are read. */
  readonly xid: string;
  /** Changed rows that are returned at most, over all tables. */
  readonly limit: number;
}

/**
 * Reads the rows that an open transaction has changed: the row versions that only it sees, and those that only other
 * sessions see. `outside` is another session whose statements each see all committed rows.
 *
 * Row versions are found by xmin and xmax, so every table is read once, to its end. A row that is only locked, or that
 * another transaction has written meanwhile, is visible to both sessions and is left out.
 * @returns the changes, and how many more there are beyond `limit`
 */
export async function readChanges(
  tx: Tx,
  outside: Queryable,
  { tables, xid, limit }: ChangesRequest,
): Promise<{ readonly changes: readonly RowChange[]; readonly more: number }> {
  const changes: RowChange[] = [];
  let more = 0;
  for (const [table, { key, columns }] of tables) {
    const pairs = await pairsOf(tx, outside, { table, key, xid });
    const listed = pairs.slice(0, limit - changes.length);
    more += pairs.length - listed.length;
    const after = await readRowTexts(tx, table, columns, sideOf(listed, 'after'));
    const before = await readRowTexts(outside, table, columns, sideOf(listed, 'before'));
    for (const pair of listed) {
      changes.push({
        table,
        before: before.get(pair.before?.tuple ?? '') ?? null,
        after: after.get(pair.after?.tuple ?? '') ?? null,
      });
    }
  }
  return { changes, more };
}

async function pairsOf(
  tx: Tx,
  outside: Queryable,
  { table, key, xid }: { readonly table: string; readonly key: readonly string[]; readonly xid: string },
): Promise<readonly RowPair<RowVersion>[]> {
  const select = `SELECT ${versionColumns(key)} FROM ${quoteIdentifier(table)} AS r`;
  // A savepoint of the handler has its own xid, assigned after that of the transaction: hence "not older", not "equal".
  const written = await tx.unsafe<RowVersion[]>(
    `${select} WHERE age(r.xmin) <= age($1::text::xid8::xid) ORDER BY key LIMIT ${ROWS_READ}`,
    [xid],
  );
  const visibleOutside = await visibleTuples(outside, table, written);
  const after = written.filter(({ tuple }) => !visibleOutside.has(tuple));
  // Searched by key as well: if other transactions hold a lock on the row too, its xmax is a multixact id.
  const touched = await outside.unsafe<RowVersion[]>(
    `${select} WHERE age(r.xmax) <= age($1::text::xid8::xid) OR ${keyText(key)} = ANY($2::text[]) ORDER BY key LIMIT ${ROWS_READ}`,
    [xid, after.map((row) => row.key)],
  );
  const visibleInside = await visibleTuples(tx, table, touched);
  return pairRows(
    touched.filter(({ tuple }) => !visibleInside.has(tuple)),
    after,
  );
}

function sideOf(pairs: readonly RowPair<RowVersion>[], side: 'before' | 'after'): readonly RowVersion[] {
  return pairs.flatMap((pair) => pair[side] ?? []);
}
