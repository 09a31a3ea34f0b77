import type { StoredEvent } from '../core/event.ts';
import { SPAN_MAX } from '../core/page-span.ts';
import { deepFreeze } from '../postgres/json.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';
import { type Moment, momentOf, type ServerMoment, serverMoment } from '../postgres/server-moment.ts';
import type { Statement } from '../postgres/sql.ts';
import { beforeNext, newestIn } from './newest.ts';

type Fragment = Statement<readonly object[]>;

export interface PageRequest {
  readonly after: bigint;
  /** The high-water mark, read before the page; the page ends there at the latest. */
  readonly head: bigint;
  /** Event types wanted; null for all of them. */
  readonly names: readonly string[] | null;
  /** Events at most. */
  readonly limit: number;
  /** Bytes of the events at most (see `EVENT_BYTES`); one event is always taken, however large. */
  readonly maxBytes: number;
  /**
   * Greatest number of positions that are read, from the first event on. Default: the limit where all types are wanted, else
   * SPAN_MAX. A LIMIT alone is no bound: it is never met where the types wanted are rare.
   */
  readonly span?: number;
}

export interface Page {
  /** Where it was read from. */
  readonly after: bigint;
  readonly events: readonly StoredEvent[];
  /** The page covers every position up to here: the high-water mark, or the position of an event. */
  readonly to: bigint;
  /** Id of the event at `to`, where it is known. */
  readonly toId?: string | null;
  /** It ends where it does because it has as many events, or bytes, as it may have. */
  readonly full: boolean;
  /** Greatest epoch second among all events after `after` up to `to`, wanted or not; null when there is none. */
  readonly newest: bigint | null;
  /** When and where its events were read; null where that is not known. */
  readonly readAt?: ServerMoment | null;
}

/** A page, and what is known of having read it. */
export interface ReadPage extends Page {
  /** Whether the high-water mark is above `to`. */
  readonly more: boolean;
  /** What the events count for. */
  readonly bytes: number;
}

/** An event whose JSON is the store's own text: every number in it as exact as it was stored. */
export interface RawEvent extends Omit<StoredEvent, 'payload' | 'metadata'> {
  readonly payload: string;
  readonly metadata: string;
}

interface EventRow<Json> {
  position: bigint | null;
  id: string;
  instance_id: string;
  aggregate_name: string;
  aggregate_id: string;
  sequence_no: bigint;
  name: string;
  tstamp: bigint;
  occurred_at: string;
  payload: Json;
  metadata: Json;
  /** What it and those before it count for, where they had to be counted one by one. */
  bytes?: number;
  /** Of the statement, in its first row where it is not part of the summary. */
  moment?: Moment | null;
}

type FoundRow<Json> = EventRow<Json> & { readonly position: bigint };

/** What was seen in a span: in its first row, or in one without an event. */
type Summary = readonly [
  seen: bigint,
  last: bigint | null,
  newest: bigint | null,
  candidates: bigint,
  bytes: bigint,
  fits: bigint,
  ...moment: Moment,
];

/**
 * Reads the next page, in order of position. Bytes are counted as stored for small payloads (cheap) and unpacked for
 * large ones, so 20 events of 10 MB do not arrive at once.
 */
export async function readPage(sql: Sql, request: PageRequest): Promise<ReadPage> {
  const { rows, ...page } = await readRows<unknown>(sql, request, sql`payload, metadata`);
  return { ...page, events: rows.map(toEvent) };
}

/** Greatest size of the events that a poll reads along; a page reads larger ones. */
const RECENT = { limit: 64, maxBytes: 256 * 1024 } as const;

/** Every event after `after` that can be seen, in order, all types; null where they are more than RECENT. */
export async function readRecent(sql: Queryable, after: bigint): Promise<readonly StoredEvent[] | null> {
  const rows = await sql<(EventRow<unknown> & { candidates: number | null })[]>`
    WITH size AS (
      SELECT count(*)::int AS candidates, coalesce(sum(${eventBytes(sql)}), 0) AS bytes
      FROM (SELECT payload, metadata FROM events WHERE position > ${after} ORDER BY position LIMIT ${RECENT.limit}) AS c
    )
    SELECT CASE WHEN e.position IS NULL THEN size.candidates END AS candidates, e.*
    FROM size LEFT JOIN LATERAL (
      SELECT ${eventColumns(sql)}, payload, metadata FROM events
      WHERE position > ${after} ORDER BY position LIMIT ${RECENT.limit}
    ) AS e ON size.bytes <= ${RECENT.maxBytes}
    ORDER BY e.position`;
  const found = rows.filter(isFound);
  const whole = found.length === (rows[0]?.candidates ?? rows.length);
  return whole && found.length < RECENT.limit ? found.map(toEvent) : null;
}

/** The same page as texts. */
export async function readRawPage(
  sql: Sql,
  request: PageRequest,
): Promise<Omit<ReadPage, 'events'> & { readonly events: readonly RawEvent[] }> {
  const { rows, ...page } = await readRows<string>(
    sql,
    request,
    sql`payload::text AS payload, metadata::text AS metadata`,
  );
  return { ...page, events: rows.map(toRaw) };
}

type Rows<Json> = Omit<ReadPage, 'events'> & { readonly rows: readonly FoundRow<Json>[] };

/** A span of positions without any event is passed over: positions may have holes of any size. */
async function readRows<Json>(sql: Sql, request: PageRequest, json: Fragment): Promise<Rows<Json>> {
  const { after, head, names, limit, span = names === null ? limit : Math.max(limit, SPAN_MAX) } = request;
  const nothing = { after, rows: [], full: false, more: false, newest: null, bytes: 0 };
  if (head <= after) return { ...nothing, to: after };
  for (let from: bigint | null = after; from !== null; ) {
    const upTo: bigint = from + BigInt(Math.max(1, span));
    const range = { ...request, after: from, upTo: upTo < head ? upTo : head };
    const page: Rows<Json> | null = await readSpan(sql, range, json);
    if (page !== null) return { ...page, after };
    from = upTo < head ? await beforeNext(sql, upTo, head) : null;
  }
  return { ...nothing, to: head };
}

interface Range extends Omit<PageRequest, 'span'> {
  readonly upTo: bigint;
}

/** Null where there is no event at all in the range. */
async function readSpan<Json>(sql: Sql, range: Range, json: Fragment): Promise<Rows<Json> | null> {
  const { after, head, upTo, limit } = range;
  const found = await readWhole<Json>(sql, range, json);
  const [seen = 0n, last = null, newest = null, candidates = 0n, bytes = 0n, fits = 0n, ...moment] =
    found[0]?.summary ?? [];
  if (seen === 0n) return null;
  const rows = fits === 1n ? found.filter(isFound) : await readCut<Json>(sql, range, json);
  const readAt = momentOf(fits === 1n ? moment : rows[0]?.moment);
  const whole = { after, to: upTo < head && last !== null ? last : head, newest, readAt };
  const end = rows.at(-1);
  const held = fits === 1n ? Number(bytes) : (end?.bytes ?? 0);
  if (fits === 1n || (rows.length === Number(candidates) && rows.length < limit))
    return { ...whole, rows, full: rows.length >= limit, more: whole.to < head, bytes: held };
  // All of them may have been taken away between the two statements.
  const to = end?.position ?? after;
  return { ...whole, rows, to, full: true, more: to < head, newest: await newestIn(sql, after, to), bytes: held };
}

function isFound<Row extends EventRow<unknown>>(row: Row): row is Row & { readonly position: bigint } {
  return row.position !== null;
}

/**
 * One pass over the span says what is there; its events come along if they fit into the page and none is large.
 *
 * What bounds the rows is the range of positions, whatever plan the server makes of it: with a LIMIT the range would
 * have to be left open, and without statistics of a large table that is a sort of all of it. The sum (or OFFSET 0) keeps
 * max(tstamp) from being looked for in the index of tstamp, which is walked through from the newest event of the whole
 * store.
 */
async function readWhole<Json>(
  sql: Sql,
  range: Range,
  json: Fragment,
): Promise<readonly (EventRow<Json> & { readonly summary: Summary | null })[]> {
  const { after, upTo, limit, maxBytes } = range;
  return await sql<(EventRow<Json> & { summary: Summary | null })[]>`
    WITH seen AS MATERIALIZED (
      SELECT count(*) AS seen, max(position) AS last, max(tstamp) AS newest, count(*) FILTER (WHERE wanted) AS candidates,
             min(position) FILTER (WHERE wanted) AS first, array_agg(position) FILTER (WHERE wanted) AS positions,
             coalesce(sum(${storedBytes(sql)}) FILTER (WHERE wanted), 0) AS bytes,
             coalesce(max(greatest(pg_column_size(payload), pg_column_size(metadata))) FILTER (WHERE wanted), 0) AS largest
      FROM (SELECT position, tstamp, payload, metadata, ${isWanted(sql, range)} AS wanted
            FROM events WHERE position > ${after} AND position <= ${upTo} OFFSET 0) AS span
    ), page AS MATERIALIZED (
      SELECT *, candidates <= ${limit} AND bytes <= ${maxBytes} AND largest < 2000 AS fits, candidates * 4 >= seen AS dense
      FROM seen
    )
    SELECT CASE WHEN e.position IS NULL OR e.position = page.first
           THEN ARRAY[seen, last, newest, candidates, bytes, fits::int]::bigint[] || ${serverMoment(sql)} END AS summary, e.*
    FROM page LEFT JOIN LATERAL (
      SELECT ${eventColumns(sql)}, ${json} FROM events
      WHERE fits AND dense AND position > ${after} AND position <= ${upTo} AND ${wanted(sql, range)}
      UNION ALL
      SELECT ${eventColumns(sql)}, ${json} FROM events
      WHERE fits AND NOT dense AND position > ${after} AND position <= ${upTo} AND position = ANY(page.positions)
    ) AS e ON true
    ORDER BY e.position`;
}

/** As many as fit, the first one in any case. Only what fits as it is stored is unpacked to be counted. */
async function readCut<Json>(sql: Sql, range: Range, json: Fragment): Promise<readonly FoundRow<Json>[]> {
  const { after, upTo, limit, maxBytes } = range;
  return await sql<FoundRow<Json>[]>`
    SELECT ${eventColumns(sql)}, ${json}, bytes::float8 AS bytes,
           CASE WHEN place = 1 THEN ${serverMoment(sql)} END AS moment
    FROM (SELECT *, sum(${eventBytes(sql)}) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS bytes
          FROM (SELECT *, sum(${storedBytes(sql)}) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS stored,
                       row_number() OVER (ORDER BY position) AS place
                FROM (SELECT * FROM events WHERE position > ${after} AND position <= ${upTo} AND ${wanted(sql, range)}
                      ORDER BY position LIMIT ${limit}) AS candidates) AS c
          WHERE place = 1 OR stored <= ${maxBytes}) AS page
    WHERE place = 1 OR bytes <= ${maxBytes} ORDER BY position`;
}

function wanted(sql: Queryable, { names }: Pick<PageRequest, 'names'>) {
  return names === null ? sql`true` : sql`name = ANY(${[...names]}::text[])`;
}

/**
 * The same as a value, asked of every event passed. A list that is a parameter is compared one by one in a generic plan;
 * the subquery is hashed once, and costs the same for any number of types. (As a condition it could become a join.)
 */
function isWanted(sql: Queryable, { names }: Pick<PageRequest, 'names'>) {
  if (names === null) return sql`true`;
  return names.length === 1 ? sql`name = ${names[0]}` : sql`name IN (SELECT unnest(${[...names]}::text[]))`;
}

function eventColumns(sql: Queryable) {
  return sql`position, id, instance_id, aggregate_name, aggregate_id, sequence_no, name, tstamp, occurred_at`;
}

/** Bytes that an event counts for beside its JSON: its other columns, and the object that it becomes. */
const EVENT_BYTES = 600;

function storedBytes(sql: Queryable) {
  return sql`pg_column_size(payload) + pg_column_size(metadata) + ${EVENT_BYTES}::int`;
}

/** Large JSON is stored compressed. */
function eventBytes(sql: Queryable) {
  return sql`CASE WHEN pg_column_size(payload) < 2000 THEN pg_column_size(payload) ELSE octet_length(payload::text) END
    + CASE WHEN pg_column_size(metadata) < 2000 THEN pg_column_size(metadata) ELSE octet_length(metadata::text) END
    + ${EVENT_BYTES}::int`;
}

/** `2026-03-01 19:00:00.12+00`, as a session in UTC prints it, to ISO 8601 with all six digits. */
export function toIso(text: string): string {
  // Nearly every time has a year of four digits and all six of its microseconds.
  if (text.length === 29 && text.charAt(10) === ' ' && text.endsWith('+00'))
    return `${text.slice(0, 10)}T${text.slice(11, 26)}Z`;
  if (!text.endsWith('+00')) return text;
  // The year may have more than four digits.
  const [date = '', time = ''] = text.slice(0, -3).split(' ');
  const [seconds = '', fraction = ''] = time.split('.');
  return `${date}T${seconds}.${fraction.padEnd(6, '0')}Z`;
}

function toEvent(row: FoundRow<unknown>): StoredEvent {
  return Object.freeze(withJson(row, deepFreeze(row.payload), deepFreeze(row.metadata as StoredEvent['metadata'])));
}

function toRaw(row: FoundRow<string>): RawEvent {
  return withJson(row, row.payload, row.metadata);
}

/** One object for each event, without parts to copy it from: there are many thousand a second. */
function withJson<Payload, Metadata>(row: FoundRow<unknown>, payload: Payload, metadata: Metadata) {
  return {
    position: row.position,
    id: row.id,
    instanceId: row.instance_id,
    aggregateName: row.aggregate_name,
    aggregateId: row.aggregate_id,
    sequenceNo: row.sequence_no,
    name: row.name,
    occurredAt: toIso(row.occurred_at),
    tstamp: row.tstamp,
    payload,
    metadata,
  };
}
