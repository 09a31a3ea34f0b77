import { SPAN_MAX } from '../core/page-span.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Greatest epoch second of all events in a range of positions; null when there is none. */
export async function newestIn(sql: Queryable, after: bigint, upTo: bigint): Promise<bigint | null> {
  const [row] = await sql<[{ newest: bigint | null }]>`SELECT ${newestOf(sql, after, upTo)} AS newest`;
  return row.newest;
}

/** The same as a part of a statement, for a range that is known to be short. */
export function newestOf(sql: Queryable, after: bigint, upTo: bigint) {
  return sql`(SELECT max(tstamp) FROM (
    SELECT tstamp FROM events WHERE position > ${after} AND position <= ${upTo} OFFSET 0) AS span)`;
}

/** The same for a range of any length, a span at a time. */
export async function newestWithin(sql: Queryable, after: bigint, upTo: bigint): Promise<bigint | null> {
  let newest: bigint | null = null;
  for (let from: bigint | null = after; from !== null && from < upTo; ) {
    const end: bigint = from + BigInt(SPAN_MAX) < upTo ? from + BigInt(SPAN_MAX) : upTo;
    const found: bigint | null = await newestIn(sql, from, end);
    if (found !== null && (newest === null || found > newest)) newest = found;
    from = found === null && end < upTo ? await beforeNext(sql, end, upTo) : end;
  }
  return newest;
}

/** The position right before the next event; null when there is none up to `head`. */
export async function beforeNext(sql: Queryable, after: bigint, head: bigint): Promise<bigint | null> {
  const [row] = await sql<{ position: bigint }[]>`
    SELECT position FROM events WHERE position > ${after} AND position <= ${head} ORDER BY position LIMIT 1`;
  return row === undefined ? null : row.position - 1n;
}
