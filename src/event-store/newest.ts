import { SPAN_MAX } from '../core/page-span.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Reads the greatest epoch second of the events in a range of positions; null if the range has no event. */
export async function newestIn(sql: Queryable, after: bigint, upTo: bigint): Promise<bigint | null> {
  const [row] = await sql<[{ newest: bigint | null }]>`SELECT ${newestOf(sql, after, upTo)} AS newest`;
  return row.newest;
}

/** SQL: the same as an expression. It reads the whole range, so the range must be short. */
export function newestOf(sql: Queryable, after: bigint, upTo: bigint) {
  return sql`(SELECT max(tstamp) FROM (
    SELECT tstamp FROM events WHERE position > ${after} AND position <= ${upTo} OFFSET 0) AS span)`;
}

/** The same for a range of any length. Each statement reads one span, so that none of them reads an unbounded number of rows. */
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

/** Reads the position right before the next event; null if there is no event up to `head`. */
export async function beforeNext(sql: Queryable, after: bigint, head: bigint): Promise<bigint | null> {
  const [row] = await sql<{ position: bigint }[]>`
    SELECT position FROM events WHERE position > ${after} AND position <= ${head} ORDER BY position LIMIT 1`;
  return row === undefined ? null : row.position - 1n;
}
