import type { CapsuleEvent } from '../core/capsule.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';
import { toIso } from './read.ts';

type Fragment = Statement<readonly object[]>;

/** Characters of a payload that are read; a longer one is cut off. */
const PAYLOAD_MAX = 1024 * 1024;
/** Positions that are searched for events of the handled types. The bound keeps the search short where such events are rare. */
const SEARCHED_BACK = 100_000n;

/** An event and the events around it, with their values as text. */
export interface SurroundingEvents {
  readonly event: CapsuleEvent;
  /** Events of its stream, in order: at most 20 before it and 5 after it. */
  readonly before: readonly CapsuleEvent[];
  readonly after: readonly CapsuleEvent[];
  /** The last 5 events before it whose types the projection handles, in order. */
  readonly handledBefore: readonly CapsuleEvent[];
}

export async function readSurroundingEvents(
  sql: Queryable,
  event: StoredEvent,
  names: readonly string[],
): Promise<SurroundingEvents | null> {
  const { position, sequenceNo, instanceId, aggregateName, aggregateId } = event;
  const stream = sql`instance_id = ${instanceId} AND aggregate_name = ${aggregateName} AND aggregate_id = ${aggregateId}`;
  const before = await read(
    sql,
    sql`WHERE ${stream} AND sequence_no < ${sequenceNo} ORDER BY sequence_no DESC LIMIT 20`,
  );
  const after = await read(sql, sql`WHERE ${stream} AND sequence_no > ${sequenceNo} ORDER BY sequence_no LIMIT 5`);
  const handled = await read(
    sql,
    sql`WHERE position < ${position} AND position >= ${position - SEARCHED_BACK} AND name = ANY(${[...names]}::text[])
        ORDER BY events.position DESC LIMIT 5`,
  );
  const [found] = await read(sql, sql`WHERE position = ${position}`);
  if (found === undefined) return null;
  return { event: found, before: before.reverse(), after, handledBefore: handled.reverse() };
}

async function read(sql: Queryable, which: Fragment): Promise<CapsuleEvent[]> {
  const rows = await sql<CapsuleEvent[]>`
    SELECT position::text, id, instance_id AS "instanceId", aggregate_name AS "aggregateName", aggregate_id AS "aggregateId",
           sequence_no::text AS "sequenceNo", name, occurred_at AS "occurredAt", left(payload::text, ${PAYLOAD_MAX}::int) AS payload,
           length(payload::text) AS "payloadLength", metadata::text AS metadata
    FROM events ${which}`;
  return rows.map((row) => ({ ...row, occurredAt: toIso(row.occurredAt) }));
}
