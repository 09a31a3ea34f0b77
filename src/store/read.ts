import type { StoredEvent } from '../core/event.ts';
import type { Queryable, Sql } from './connect.ts';
import { deepFreeze } from './json.ts';
import type { Statement } from './statement.ts';

type Fragment = Statement<readonly object[]>;

export interface PageRequest {
  readonly after: bigint;
  /** The safe head, read before the page; nothing above it is looked at. */
  readonly head: bigint;
  /** Event types wanted; null for all of them. */
  readonly names: readonly string[] | null;
  /** Events at most. */
  readonly limit: number;
  /** Bytes of payload at most; one event is always taken, however large. */
  readonly maxBytes: number;
}

export interface Page {
  /** Where it was read from. */
  readonly after: bigint;
  readonly events: readonly StoredEvent[];
  /** Everything up to here has been looked at: the last event's position when the page is full, else the safe head. */
  readonly to: bigint;
  readonly full: boolean;
  /** Greatest epoch second among all events after `after` up to `to`; null when it was not asked for. */
  readonly newest: bigint | null;
}

/** An event whose JSON is the store's own text: every number in it as exact as it was stored. */
export interface RawEvent extends Omit<StoredEvent, 'payload' | 'metadata'> {
  readonly payload: string;
  readonly metadata: string;
}

interface EventRow<Json = unknown> {
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
  /** How many there are in all; null in a row that is one of them. */
  candidates: number | null;
}

type FoundRow<Json> = EventRow<Json> & { readonly position: bigint };

/**
 * Reads the next page, in order of position. Bytes are counted as stored for small payloads (cheap) and unpacked for
 * large ones, so 20 events of 10 MB do not arrive at once.
 *
 * Of a full page the newest time is read as well: one that is read ahead has the time for it, and the transaction that
 * applies it is spared the look.
 */
export async function readPage(sql: Sql, request: PageRequest): Promise<Page> {
  const { after, head, limit } = request;
  if (head <= after) return { after, events: [], to: after, full: false, newest: null };
  const { rows, candidates } = await readRows<unknown>(sql, request, sql`payload, metadata`);
  const events = rows.map(toEvent);
  const last = events.at(-1);
  if (last === undefined || (candidates < limit && events.length === candidates)) {
    return { after, events, to: head, full: false, newest: null };
  }
  const [row] = await sql<[{ newest: bigint }]>`
    SELECT max(tstamp) AS newest FROM events WHERE position > ${after} AND position <= ${last.position}`;
  return { after, events, to: last.position, full: true, newest: row.newest };
}

/** What a look at the head reads along: more than these is left to whoever wants it. */
const RECENT = { limit: 64, maxBytes: 256 * 1024 } as const;
const LAST_POSITION = 2n ** 63n - 1n;

/** Every event after `after` that can be seen, in order, all types; null when that is more than a look should carry. */
export async function readRecent(sql: Queryable, after: bigint): Promise<readonly StoredEvent[] | null> {
  const request = { after, head: LAST_POSITION, names: null, ...RECENT };
  const rows = await readWhole<unknown>(sql, request, sql`payload, metadata`);
  const found = rows.filter(isFound);
  const whole = found.length === countOf(rows);
  return whole && found.length < RECENT.limit ? found.map(toEvent) : null;
}

/** The same page as texts; `more` when there may be events behind it. */
export async function readRawPage(
  sql: Sql,
  request: PageRequest,
): Promise<{ readonly events: readonly RawEvent[]; readonly more: boolean }> {
  if (request.head <= request.after) return { events: [], more: false };
  const { rows, candidates } = await readRows<string>(
    sql,
    request,
    sql`payload::text AS payload, metadata::text AS metadata`,
  );
  return { events: rows.map(toRaw), more: candidates === request.limit || rows.length < candidates };
}

async function readRows<Json>(sql: Sql, request: PageRequest, json: Fragment) {
  const whole = await readWhole<Json>(sql, request, json);
  const candidates = countOf(whole);
  const rows = whole.filter(isFound);
  return { rows: rows.length < candidates ? await readCut<Json>(sql, request, json) : rows, candidates };
}

function isFound<Json>(row: EventRow<Json>): row is FoundRow<Json> {
  return row.position !== null;
}

/** Of what `readWhole` gave: all candidates, or one row that counts them. */
function countOf(rows: readonly EventRow[]): number {
  return rows[0]?.candidates ?? rows.length;
}

/** All candidates if they are not too large together; else one row without a position that says how many there are. */
async function readWhole<Json>(
  sql: Queryable,
  request: PageRequest,
  json: Fragment,
): Promise<readonly EventRow<Json>[]> {
  return await sql<EventRow<Json>[]>`
    WITH size AS (
      SELECT count(*)::int AS candidates, coalesce(sum(${payloadBytes(sql)}), 0) AS bytes
      FROM (SELECT payload ${candidates(sql, request)}) AS c
    )
    SELECT CASE WHEN e.position IS NULL THEN size.candidates END AS candidates, e.*
    FROM size LEFT JOIN LATERAL (
      SELECT ${eventColumns(sql)}, ${json} ${candidates(sql, request)}
    ) AS e ON size.bytes <= ${request.maxBytes}
    ORDER BY e.position`;
}

async function readCut<Json>(sql: Sql, request: PageRequest, json: Fragment): Promise<readonly FoundRow<Json>[]> {
  return await sql<FoundRow<Json>[]>`SELECT ${eventColumns(sql)}, ${json} ${fitting(sql, request)}`;
}

/** As many candidates as fit, the first one in any case. */
export function fitting(sql: Sql, request: PageRequest) {
  return sql`
    FROM (SELECT *, sum(${payloadBytes(sql)}) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS bytes,
                 row_number() OVER (ORDER BY position) AS place
          FROM (SELECT * ${candidates(sql, request)}) AS c) AS page
    WHERE place = 1 OR bytes <= ${request.maxBytes} ORDER BY position`;
}

function candidates(sql: Queryable, { after, head, names, limit }: PageRequest) {
  return sql`
    FROM events WHERE position > ${after} AND position <= ${head}
      ${names === null ? sql`` : sql`AND name = ANY(${[...names]}::text[])`} ORDER BY position LIMIT ${limit}`;
}

function eventColumns(sql: Queryable) {
  return sql`position, id, instance_id, aggregate_name, aggregate_id, sequence_no, name, tstamp, occurred_at`;
}

function payloadBytes(sql: Queryable) {
  return sql`CASE WHEN pg_column_size(payload) < 2000 THEN pg_column_size(payload) ELSE octet_length(payload::text) END`;
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
