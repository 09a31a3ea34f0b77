import { EngineError } from '../core/errors.ts';
import type { Sql } from './connect.ts';
import { fitting, toIso } from './read.ts';

/** An event with its JSON as PostgreSQL writes it: JavaScript's numbers would round the long ones in it. */
export interface EventText {
  readonly position: bigint;
  readonly id: string;
  readonly instanceId: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
  readonly name: string;
  /** As in `StoredEvent`. */
  readonly occurredAt: string;
  readonly payload: string;
  readonly metadata: string;
}

/**
 * Every event above `after` up to `head` (a safe one), in order, a page at a time: what is held at once is bounded.
 */
export async function* readEventTexts(
  sql: Sql,
  range: { readonly after: bigint; readonly head: bigint },
  { limit = 1000, maxBytes = 4 * 1024 * 1024 }: { readonly limit?: number; readonly maxBytes?: number } = {},
): AsyncGenerator<readonly EventText[], void, undefined> {
  const { head } = range;
  for (let { after } = range; after < head; ) {
    const rows = await sql<EventText[]>`
      SELECT position, id, instance_id AS "instanceId", aggregate_name AS "aggregateName", aggregate_id AS "aggregateId",
             sequence_no AS "sequenceNo", name, occurred_at AS "occurredAt", payload::text, metadata::text
      ${fitting(sql, { after, head, names: null, limit, maxBytes })}`;
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => ({ ...row, occurredAt: toIso(row.occurredAt) }));
    after = last.position;
  }
}

/** @throws EngineError STORE_MISSING */
export async function checkEventsThere(sql: Sql, schema: string): Promise<void> {
  const [{ there }] = await sql<[{ there: boolean }]>`SELECT to_regclass('events') IS NOT NULL AS there`;
  if (!there) throw new EngineError('STORE_MISSING', { table: 'events', schema });
}

/** Greatest position that can be seen; above the safe head while a transaction that drew a lower one is open. */
export async function lastVisible(sql: Sql): Promise<bigint> {
  const [{ last }] = await sql<[{ last: bigint }]>`SELECT coalesce(max(position), 0) AS last FROM events`;
  return last;
}
