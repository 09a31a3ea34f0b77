import type { Queryable, Tx } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import { checkHistory } from './history.ts';
import { newestOf } from './newest.ts';
import { readPage } from './read.ts';

/** An event that was read. After a crash or a failover its position may hold another event, or none. */
export interface EventMark {
  readonly position: bigint;
  readonly id: string;
}

/** SQL: true if each of these events is in the store. One sub-select for each, so that every plan reads them by position. */
function inStore(sql: Queryable, marks: readonly EventMark[]) {
  return sql`NOT EXISTS (
    SELECT FROM unnest(${marks.map(({ position }) => String(position))}::bigint[], ${marks.map(({ id }) => id)}::uuid[])
                AS m (position, id)
    WHERE (SELECT e.id FROM events AS e WHERE e.position = m.position) IS DISTINCT FROM m.id)`;
}

/** SQL: id of the event at this position, which is an expression; NULL if there is none. */
function idAt(sql: Queryable, position: Statement) {
  return sql`(SELECT id FROM events WHERE position = ${position})`;
}

/** Whether each of these events is still in the store, in the transaction of a page. */
async function areInStore(tx: Tx, marks: readonly EventMark[]): Promise<boolean> {
  const [{ inStore: found }] = await tx<[{ inStore: boolean }]>`SELECT ${inStore(tx, marks)} AS "inStore"`;
  return found;
}

/** SQL on the events for statements that move a cursor: they compare events in their own round trip. */
export const eventsSql = { inStore, idAt, newestOf };

/** The events for the projector. */
export const eventSource = { readPage, checkHistory, areInStore };
