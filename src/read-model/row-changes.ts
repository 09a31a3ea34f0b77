import type { RowChange } from '../core/failure.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import { pairRows, type RowPair } from '../core/row-changes.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Column } from './columns.ts';
import { keyText, type RowVersion, readRowTexts, stillSeen, versionColumns } from './row-text.ts';

/** Rows of one table that are looked at. */
const LOOKED_AT = 10_000;

export interface ChangesRequest {
  /** By table its columns, and its key. */
  readonly tables: ReadonlyMap<string, { readonly key: readonly string[]; readonly columns: readonly Column[] }>;
  /** Id of the transaction whose changes are wanted. */
  readonly xid: string;
  /** Rows at most. */
  readonly limit: number;
}

/**
 * What an open transaction has changed: rows that it sees and others do not, and the other way round. `outside` is
 * another session, whose statements each see what is committed.
 *
 * Rows are found by who wrote or locked them last, so every table is read once, to its end. A row that is only locked,
 * or that somebody else has written meanwhile, is seen from both sides and drops out.
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
        before: before.get(pair.before?.place ?? '') ?? null,
        after: after.get(pair.after?.place ?? '') ?? null,
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
  // A savepoint of the handler's has an id of its own, drawn after the transaction's: so not "equal", but "not older".
  const written = await tx.unsafe<RowVersion[]>(
    `${select} WHERE age(r.xmin) <= age($1::text::xid8::xid) ORDER BY key LIMIT ${LOOKED_AT}`,
    [xid],
  );
  const seenOutside = await stillSeen(outside, table, written);
  const after = written.filter(({ place }) => !seenOutside.has(place));
  // By key as well: where others hold a lock on the row too, its xmax is no transaction's id.
  const touched = await outside.unsafe<RowVersion[]>(
    `${select} WHERE age(r.xmax) <= age($1::text::xid8::xid) OR ${keyText(key)} = ANY($2::text[]) ORDER BY key LIMIT ${LOOKED_AT}`,
    [xid, after.map((row) => row.key)],
  );
  const seenInside = await stillSeen(tx, table, touched);
  return pairRows(
    touched.filter(({ place }) => !seenInside.has(place)),
    after,
  );
}

function sideOf(pairs: readonly RowPair<RowVersion>[], side: 'before' | 'after'): readonly RowVersion[] {
  return pairs.flatMap((pair) => pair[side] ?? []);
}
