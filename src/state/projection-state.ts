import { PUBLISHER_NAME } from '../core/publisher.ts';
import type { StoredStatus } from '../core/status.ts';
import { newestOf } from '../event-store/newest.ts';
import { replacedTable } from '../event-store/table-oids.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { isUnbrokenSince, type ServerMoment } from '../postgres/server-moment.ts';
import type { Statement } from '../postgres/sql.ts';

export interface StateRow {
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly lastEventId: string | null;
  readonly status: StoredStatus;
  readonly alarm: string | null;
  /** Why the projection may not write its tables; null where they are its own. */
  readonly refused: string | null;
  /** One of its tables whose name stands for another table by now, or for none. */
  readonly replaced: string | null;
}

/** The row as a page's transaction holds it, locked. */
export interface LockedState extends Omit<StateRow, 'refused'> {
  /** The transaction's own id: unchanged at the end unless a handler ended the transaction. */
  readonly xid: string;
  /** Of the session that holds it. */
  readonly pid: number;
  readonly hasFailures: boolean;
}

/** The publisher has a row like a projection's, but none in readviews: people read there how far read models are. */
export async function registerPublisher(sql: Queryable): Promise<void> {
  await sql`INSERT INTO projection_state (name) VALUES (${PUBLISHER_NAME}) ON CONFLICT DO NOTHING`;
}

export async function readState(sql: Queryable, name: string): Promise<StateRow | null> {
  const [row] = await sql<StateRow[]>`
    SELECT s.cursor, s.generation, s.last_event_id AS "lastEventId", s.status, s.alarm, s.refused,
           ${replacedTable(sql)} AS replaced
    FROM projection_state AS s WHERE s.name = ${name} AND s.instance_id = ''`;
  return row ?? null;
}

/** Where the rows of these projections stand, by name. */
export async function readPlaces(
  sql: Queryable,
  names: readonly string[],
): Promise<ReadonlyMap<string, { readonly cursor: bigint; readonly generation: bigint }>> {
  const rows = await sql<{ name: string; cursor: bigint; generation: bigint }[]>`
    SELECT name, cursor, generation FROM projection_state WHERE name = ANY(${[...names]}::text[]) AND instance_id = ''`;
  return new Map(rows.map((row) => [row.name, row]));
}

export interface StateSummary {
  readonly name: string;
  readonly generation: bigint;
  readonly status: StoredStatus;
}

/**
 * One figure that changes with every reset, pause, halt and their ends, of whichever projection: what the heartbeat
 * compares. The order of rows makes no difference.
 */
export function fingerprint(sql: Queryable) {
  return sql`sum(hashtextextended(name || ' ' || status, generation))`;
}

/** How every projection stands, and the fingerprint of just that. */
export async function readStateSummaries(
  sql: Queryable,
): Promise<{ readonly rows: readonly StateSummary[]; readonly fingerprint: string }> {
  const rows = await sql<(StateSummary & { fingerprint: string })[]>`
    SELECT name, generation, status, (${fingerprint(sql)} OVER ())::text AS fingerprint
    FROM projection_state WHERE instance_id = ''`;
  return { rows, fingerprint: rows[0]?.fingerprint ?? '0' };
}

/**
 * Step 1 of a page. NOWAIT: 55P03 tells that another worker has the projection, which is no reason to queue up.
 */
export async function lockState(tx: Tx, name: string): Promise<LockedState | null> {
  const [row] = await tx<LockedState[]>`
    SELECT s.cursor, s.generation, s.last_event_id AS "lastEventId", s.status, s.alarm, pg_current_xact_id()::text AS xid,
           pg_backend_pid() AS pid, ${replacedTable(tx)} AS replaced,
           EXISTS (SELECT FROM projection_failures AS f WHERE f.name = s.name AND f.instance_id = s.instance_id AND f.skipped_at IS NULL) AS "hasFailures"
    FROM projection_state AS s WHERE s.name = ${name} AND s.instance_id = '' FOR UPDATE OF s NOWAIT`;
  return row ?? null;
}

/** Step 1 of a page that is sent as a whole, its place compared at the end: see `advanceOrFail`. NOWAIT as above. */
export function holdRow(sql: Queryable, name: string): Statement {
  return sql`SELECT FROM projection_state WHERE name = ${name} AND instance_id = '' FOR UPDATE NOWAIT`;
}

/** Where a page moves its row. */
interface Advance {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly generation: bigint;
  readonly owner: string;
  /** Greatest epoch second of all events after `from` up to `knownTo`; null: there are none. */
  readonly newest: bigint | null;
  /** The times of the events behind this one are looked for: no more of them than one page looks through. */
  readonly knownTo: bigint;
  /** Events that the move rests on. Where one of them is not in the store any more, nothing moves. */
  readonly marks?: readonly EventMark[];
}

/** An event that was read: after a crash or a failover another one, or none, may stand at its position. */
export interface EventMark {
  readonly position: bigint;
  readonly id: string;
}

/**
 * Step 4 of a page: compare-and-set. Moves only from the very place the page was made for, in the same generation, in
 * the same transaction; publishes the greatest event time seen so far in readviews.
 */
export async function advance(
  tx: Tx,
  move: Advance & {
    /** The transaction's id when the row was locked. */
    readonly xid: string;
    /** When the events were read; null: that makes no difference. */
    readonly readAt?: ServerMoment | null;
  },
): Promise<{
  readonly moved: boolean;
  readonly sameTransaction: boolean;
  /** Every mark is still in the store. */
  readonly stands: boolean;
  /** Nothing can have been taken back since `readAt`. */
  readonly unbroken: boolean;
  /** Its table of which the page wrote another one; null: none. */
  readonly replaced: string | null;
}> {
  const same = tx`pg_current_xact_id() = ${move.xid}::text::xid8`;
  const { readAt = null } = move;
  const unbroken = readAt === null ? tx`true` : isUnbrokenSince(tx, readAt);
  const [row] = await tx<
    [{ moved: boolean; sameTransaction: boolean; stands: boolean; unbroken: boolean; replaced: string | null }]
  >`
    WITH ${moving(tx, move, same)}
    SELECT EXISTS (SELECT FROM moved) AS moved, ${same} AS "sameTransaction", ${standing(tx, move.marks)} AS stands,
           ${unbroken} AS unbroken,
           (SELECT ${replacedTable(tx)} FROM projection_state AS s WHERE s.name = ${move.name} AND s.instance_id = '') AS replaced`;
  return row;
}

/** Whether each of these events is still in the store. */
export async function allStand(tx: Tx, marks: readonly EventMark[]): Promise<boolean> {
  const [{ stands }] = await tx<[{ stands: boolean }]>`SELECT ${standing(tx, marks)} AS stands`;
  return stands;
}

/** True while each of these events is in the store. A sub-select for each, so that every plan looks them up by position. */
function standing(sql: Queryable, marks: readonly EventMark[] = []) {
  return sql`NOT EXISTS (
    SELECT FROM unnest(${marks.map(({ position }) => String(position))}::bigint[], ${marks.map(({ id }) => id)}::uuid[])
                AS m (position, id)
    WHERE (SELECT e.id FROM events AS e WHERE e.position = m.position) IS DISTINCT FROM m.id)`;
}

/**
 * The same for a page whose COMMIT is on its way already, so that nobody could look at the outcome: where the row does
 * not move, the division by zero takes the page back. Nor does it move a row that is paused or halted, or has a failure
 * on record, which all want more than this; or where the tables are not its own, or no longer what the page was made for.
 */
export function advanceOrFail(
  sql: Queryable,
  move: Advance & {
    /** Whether the tables are still what the page was made for: an expression. */
    readonly unchanged: Statement;
  },
): Statement {
  const plain = sql`status = 'running' AND NOT EXISTS (
    SELECT FROM projection_failures AS f WHERE f.name = ${move.name} AND f.instance_id = '' AND f.skipped_at IS NULL)
    AND ${replacedTable(sql)} IS NULL AND ${move.unchanged}`;
  return sql`WITH ${moving(sql, move, plain)} SELECT 1 / count(*) FROM moved`;
}

function moving(sql: Queryable, move: Advance, condition: Statement) {
  const { name, from, to, generation, owner, newest, knownTo, marks } = move;
  return sql`
    moved AS (
      UPDATE projection_state AS s
      SET cursor = ${to}, last_event_id = coalesce((SELECT id FROM events WHERE position = ${to}), last_event_id),
          owner = ${owner}, starts = 0, updated_at = now()
      WHERE name = ${name} AND instance_id = '' AND cursor = ${from} AND generation = ${generation} AND ${condition}
        AND ${standing(sql, marks)}
      RETURNING name
    ), published AS (
      UPDATE readviews AS r
      SET position = greatest(r.position, ${newest}::bigint, ${newestOf(sql, knownTo, to)})
      FROM moved WHERE r.name = moved.name
    )`;
}

export interface IdleCheckpoint {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  /** Of the event at `to`; null: not compared. */
  readonly toId: string | null;
  /** Greatest epoch second of all events after `from` up to `to`, or of more that lie before them. */
  readonly newest: bigint | null;
  readonly generation: bigint;
}

/** A projection that was not moved, and where its row stands; null where it has none. */
export interface UnmovedCheckpoint {
  readonly name: string;
  readonly cursor: bigint | null;
  readonly generation: bigint | null;
  /** The event at the end of the move is not in the store any more. */
  readonly takenBack: boolean;
}

/**
 * Moves projections over events that they do not handle, many in one statement: the events at the ends of the moves, of
 * which there are few, are looked up once each. A row that another transaction holds, or that is no longer where the
 * move starts, is left alone.
 * @returns the projections that were not moved
 */
export async function flushIdleCheckpoints(
  sql: Sql,
  moves: readonly IdleCheckpoint[],
  owner: string,
): Promise<readonly UnmovedCheckpoint[]> {
  return await sql<UnmovedCheckpoint[]>`
    WITH moves AS (
      SELECT * FROM unnest(${moves.map((m) => m.name)}::text[], ${moves.map((m) => String(m.from))}::bigint[],
                           ${moves.map((m) => String(m.to))}::bigint[], ${moves.map((m) => m.toId)}::uuid[],
                           ${moves.map((m) => String(m.generation))}::bigint[],
                           ${moves.map((m) => (m.newest === null ? null : String(m.newest)))}::bigint[])
               AS m (name, start, stop, stop_id, generation, newest)
    ), ends AS MATERIALIZED (
      SELECT m.stop, (SELECT id FROM events WHERE position = m.stop) AS id FROM (SELECT DISTINCT stop FROM moves) AS m
    ), standing AS MATERIALIZED (
      SELECT m.*, e.id FROM moves AS m JOIN ends AS e ON e.stop = m.stop AND (m.stop_id IS NULL OR m.stop_id = e.id)
    ), due AS (
      SELECT s.name, m.stop, m.id, m.newest FROM projection_state AS s JOIN standing AS m USING (name)
      WHERE s.instance_id = '' AND s.cursor = m.start AND s.generation = m.generation AND s.status = 'running'
      FOR UPDATE OF s SKIP LOCKED
    ), moved AS (
      UPDATE projection_state AS s
      SET cursor = d.stop, last_event_id = coalesce(d.id, s.last_event_id), owner = ${owner}, starts = 0, updated_at = now()
      FROM due AS d WHERE s.name = d.name AND s.instance_id = ''
      RETURNING s.name
    ), published AS (
      UPDATE readviews AS r SET position = d.newest FROM due AS d WHERE r.name = d.name AND d.newest > r.position
    )
    SELECT m.name, s.cursor, s.generation,
           NOT EXISTS (SELECT FROM standing AS t WHERE t.name = m.name) AS "takenBack"
    FROM moves AS m LEFT JOIN projection_state AS s ON s.name = m.name AND s.instance_id = ''
    WHERE NOT EXISTS (SELECT FROM moved WHERE moved.name = m.name)`;
}
