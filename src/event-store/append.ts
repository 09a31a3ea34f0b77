import { EngineError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { constraintOf, sqlstateOf } from '../postgres/errors.ts';
import { stringifyJson } from '../postgres/json.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';

export interface Appended {
  readonly position: bigint;
  readonly id: string;
}

/**
 * Appends events, all or none, in the order given. Each one's `sequenceNo` is the optimistic lock on its stream.
 * Pass a transaction to append together with writes of your own.
 * @throws EngineError APPEND_CONFLICT (the stream has that sequence number), APPEND_DUPLICATE (the id is stored),
 * APPEND_INVALID (a field the store cannot hold)
 */
export async function append(sql: Queryable, events: readonly NewEvent[]): Promise<readonly Appended[]> {
  if (events.length === 0) return [];
  for (const event of events) checkNew(event);
  const columns = toColumns(events);
  try {
    return await sql<Appended[]>`
      INSERT INTO events (id, instance_id, aggregate_name, aggregate_id, sequence_no, name, occurred_at, payload, metadata)
      ${newRows(sql, columns)}
      RETURNING position, id`;
  } catch (error) {
    throw toAppendError(error, events);
  }
}

/**
 * Appends events for an import that may be repeated, all or none, with any value that the columns hold. Events that are
 * stored already are skipped. An event whose id is stored with other contents is no repeat: to skip it would lose it without
 * an error.
 * @returns the number of events that were appended, and of those that were stored already
 * @throws EngineError as `append`, and APPEND_DIFFERS
 */
export async function appendNew(
  sql: Sql,
  events: readonly NewEvent[],
): Promise<{ readonly appended: number; readonly skipped: number }> {
  if (events.length === 0) return { appended: 0, skipped: 0 };
  const columns = toColumns(events);
  try {
    return await sql.begin(async (tx) => {
      const rows = await tx`
        INSERT INTO events (id, instance_id, aggregate_name, aggregate_id, sequence_no, name, occurred_at, payload, metadata)
        ${newRows(tx, columns)}
        ON CONFLICT (id) DO NOTHING
        RETURNING 1`;
      if (rows.length < events.length) await refuseOthers(tx, columns);
      return { appended: rows.length, skipped: events.length - rows.length };
    });
  } catch (error) {
    throw toAppendError(error, events);
  }
}

/** Two of the events given may have the same id as well, so all of them are compared with what is stored now. */
async function refuseOthers(sql: Queryable, columns: ReturnType<typeof toColumns>): Promise<void> {
  const [other] = await sql<{ id: string; name: string; differing: string }[]>`
    SELECT n.id, e.name,
           concat_ws(', ',
             CASE WHEN (n.instance_id, n.aggregate_name, n.aggregate_id, n.sequence_no)
                    <> (e.instance_id, e.aggregate_name, e.aggregate_id, e.sequence_no) THEN 'stream or number' END,
             CASE WHEN n.name <> e.name THEN 'name' END,
             CASE WHEN n.occurred_at <> e.occurred_at THEN 'occurredAt' END,
             CASE WHEN n.payload <> e.payload THEN 'payload' END,
             CASE WHEN n.metadata <> e.metadata THEN 'metadata' END) AS differing
    FROM ${given(sql, columns)} JOIN events AS e ON e.id = n.id
    WHERE (n.instance_id, n.aggregate_name, n.aggregate_id, n.sequence_no, n.name, n.payload, n.metadata)
       <> (e.instance_id, e.aggregate_name, e.aggregate_id, e.sequence_no, e.name, e.payload, e.metadata)
       OR n.occurred_at <> e.occurred_at
    ORDER BY n.place LIMIT 1`;
  if (other !== undefined) throw new EngineError('APPEND_DIFFERS', { ...other });
}

/** In the order of the array: positions are allocated in that order. */
function newRows(sql: Queryable, columns: ReturnType<typeof toColumns>) {
  return sql`
    SELECT coalesce(n.id, gen_random_uuid()), n.instance_id, n.aggregate_name, n.aggregate_id, n.sequence_no, n.name,
           coalesce(n.occurred_at, now()), n.payload, n.metadata
    FROM ${given(sql, columns)}
    ORDER BY n.place`;
}

function given(sql: Queryable, c: ReturnType<typeof toColumns>) {
  return sql`
    unnest(${c.id}::uuid[], ${c.instanceId}::text[], ${c.aggregateName}::text[], ${c.aggregateId}::text[],
           ${c.sequenceNo}::bigint[], ${c.name}::text[], ${c.occurredAt}::timestamptz[],
           ${c.payload}::text[]::jsonb[], ${c.metadata}::text[]::jsonb[])
      WITH ORDINALITY
      AS n (id, instance_id, aggregate_name, aggregate_id, sequence_no, name, occurred_at, payload, metadata, place)`;
}

/** @throws EngineError APPEND_INVALID */
function checkNew(event: NewEvent): void {
  for (const field of ['aggregateName', 'aggregateId', 'name'] as const) {
    if (typeof event[field] !== 'string' || event[field] === '') {
      throw new EngineError('APPEND_INVALID', { reason: `${field} must be a text that is not empty` });
    }
  }
  const { sequenceNo } = event;
  if (!(typeof sequenceNo === 'bigint' || Number.isSafeInteger(sequenceNo)) || sequenceNo < 0) {
    throw new EngineError('APPEND_INVALID', {
      reason: 'sequenceNo must be a whole number from 0 (a bigint above 2^53)',
    });
  }
}

function toColumns(events: readonly NewEvent[]) {
  return {
    id: events.map((event) => event.id ?? null),
    instanceId: events.map((event) => event.instanceId ?? ''),
    aggregateName: events.map((event) => event.aggregateName),
    aggregateId: events.map((event) => event.aggregateId),
    sequenceNo: events.map((event) => String(event.sequenceNo)),
    name: events.map((event) => event.name),
    occurredAt: events.map((event) => event.occurredAt ?? null),
    payload: events.map((event) => stringifyJson(event.payload)),
    metadata: events.map((event) => stringifyJson(event.metadata ?? {})),
  };
}

function toAppendError(error: unknown, events: readonly NewEvent[]): unknown {
  const state = sqlstateOf(error);
  if (state === null || !(error instanceof Error)) return error;
  if (state === '23505') {
    const detail = String(Reflect.get(error, 'detail') ?? '');
    if (constraintOf(error) !== 'events_stream_key') {
      return new EngineError(
        'APPEND_DUPLICATE',
        { id: /=\(([^)]*)\)/.exec(detail)?.[1] ?? 'unknown' },
        { cause: error },
      );
    }
    const clash = events.find((event) =>
      detail.includes(`(${event.instanceId ?? ''}, ${event.aggregateName}, ${event.aggregateId}, ${event.sequenceNo})`),
    );
    // The error names an event only where it is certain that this event has the conflict.
    if (clash === undefined) return new EngineError('APPEND_INVALID', { reason: detail }, { cause: error });
    const { aggregateName, aggregateId, sequenceNo } = clash;
    return new EngineError(
      'APPEND_CONFLICT',
      { aggregateName, aggregateId, sequenceNo: String(sequenceNo) },
      { cause: error },
    );
  }
  return state.startsWith('22') || state.startsWith('23')
    ? new EngineError('APPEND_INVALID', { reason: error.message }, { cause: error })
    : error;
}
