import { PUBLISHER_NAME } from '../core/publisher.ts';
import type { StoredStatus } from '../core/status.ts';
import type { EventMark } from '../event-store/event-source.ts';
import { replacedTable } from '../event-store/table-ids.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { isUnbrokenSince, type ServerMoment } from '../postgres/server-moment.ts';
import type { Statement } from '../postgres/sql.ts';

export interface StateRow {
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly lastEventId: string | null;
  readonly status: StoredStatus;
  readonly alarm: string | null;
  /** Why the projection may not write its tables; null if they are its own. */
  readonly refused: string | null;
  /** One of its tables whose name now resolves to another table, or to none; null if there is none. */
  readonly replaced: string | null;
}

/** The row, locked by the transaction of a page. */
export interface LockedState extends Omit<StateRow, 'refused'> {
  /** Id of the transaction, to find out at its end whether a handler has ended it. */
  readonly xid: string;
  /** Pid of the session that holds the lock. */
  readonly pid: number;
  /** Whether the projection has failures that were not skipped. */
  readonly hasFailures: boolean;
}

/** Gives the publisher a row like that of a projection, but none in readviews, which lists read models. */
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

/** Cursors and generations of these projections, by name. */
export async function readCursors(
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
 * SQL aggregate: one number that changes with every reset, pause and halt of any projection, and with its end. The heartbeat
 * compares it. It does not depend on the order of the rows.
 */
export function fingerprint(sql: Queryable) {
  return sql`sum(hashtextextended(name || ' ' || status, generation))`;
}

/** The state summaries of all projections, and their fingerprint. */
export async function readStateSummaries(
  sql: Queryable,
): Promise<{ readonly rows: readonly StateSummary[]; readonly fingerprint: string }> {
  const rows = await sql<(StateSummary & { fingerprint: string })[]>`
    SELECT name, generation, status, (${fingerprint(sql)} OVER ())::text AS fingerprint
    FROM projection_state WHERE instance_id = ''`;
  return { rows, fingerprint: rows[0]?.fingerprint ?? '0' };
}

/**
 * Step 1 of a page: locks the row. NOWAIT: a page must not wait for another daemon that works on the projection.
 * @returns null if the projection has no row
 * @throws the driver's error 55P03 if another transaction holds the row
 */
export async function lockState(tx: Tx, name: string): Promise<LockedState | null> {
  const [row] = await tx<LockedState[]>`
    SELECT s.cursor, s.generation, s.last_event_id AS "lastEventId", s.status, s.alarm, pg_current_xact_id()::text AS xid,
           pg_backend_pid() AS pid, ${replacedTable(tx)} AS replaced,
           EXISTS (SELECT FROM projection_failures AS f WHERE f.name = s.name AND f.instance_id = s.instance_id AND f.skipped_at IS NULL) AS "hasFailures"
    FROM projection_state AS s WHERE s.name = ${name} AND s.instance_id = '' FOR UPDATE OF s NOWAIT`;
  return row ?? null;
}

/** Step 1 of a page in a single round trip; `advanceOrFail` compares the cursor at the end. NOWAIT as in `lockState`. */
export function holdRow(sql: Queryable, name: string): Statement {
  return sql`SELECT FROM projection_state WHERE name = ${name} AND instance_id = '' FOR UPDATE NOWAIT`;
}

/**
 * SQL expressions on the events, which the statements that move a cursor contain. The event store provides them, so that
 * this room does not read events itself and a move stays one round trip.
 */
export interface EventsSql {
  /** True if each of these events is in the store. */
  inStore(sql: Queryable, marks: readonly EventMark[]): Statement;
  /** Id of the event at a position; NULL if there is none. */
  idAt(sql: Queryable, position: Statement): Statement;
  /** Greatest epoch second of the events after `after` up to `upTo`, which are no more than one page reads. */
  newestOf(sql: Queryable, after: bigint, upTo: bigint): Statement;
}

/** The move of a cursor by a page. */
interface CursorMove {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly generation: bigint;
  readonly owner: string;
  /** Greatest epoch second of all events after `from` up to `knownTo`; null if there are none. */
  readonly newest: bigint | null;
  /** The times of the events after this position are read from the store: at most as many as one page reads. */
  readonly knownTo: bigint;
  /** Events on which the move depends. If one of them is no longer in the store, the cursor does not move. Default none. */
  readonly marks?: readonly EventMark[];
}

/** Whether a cursor was moved, and which conditions held. */
export interface MoveResult {
  readonly moved: boolean;
  readonly sameTransaction: boolean;
  /** Whether every mark is still in the store. */
  readonly marksInStore: boolean;
  /** Whether nothing can have been lost since `readAt`. */
  readonly unbroken: boolean;
  /** A declared table whose name resolves to another table than the recorded one; null if there is none. */
  readonly replaced: string | null;
}

/** A move in the transaction of a page. */
export interface MoveInTransaction extends CursorMove {
  /** Id of the transaction when the row was locked. */
  readonly xid: string;
  /** When the events were read; null, the default: not compared. */
  readonly readAt?: ServerMoment | null;
}

/**
 * Step 4 of a page: compare-and-set. The cursor moves only from `from`, in the same generation and in the same transaction.
 * Publishes the greatest event time so far in readviews.
 * @returns whether it moved, and which conditions held
 */
export async function advance(tx: Tx, events: EventsSql, move: MoveInTransaction): Promise<MoveResult> {
  const same = tx`pg_current_xact_id() = ${move.xid}::text::xid8`;
  const { readAt = null } = move;
  const unbroken = readAt === null ? tx`true` : isUnbrokenSince(tx, readAt);
  const [row] = await tx<[MoveResult]>`
    WITH ${moving(tx, events, move, same)}
    SELECT EXISTS (SELECT FROM moved) AS moved, ${same} AS "sameTransaction", ${events.inStore(tx, move.marks ?? [])} AS "marksInStore",
           ${unbroken} AS unbroken,
           (SELECT ${replacedTable(tx)} FROM projection_state AS s WHERE s.name = ${move.name} AND s.instance_id = '') AS replaced`;
  return row;
}

/** A move whose COMMIT is already sent. */
export interface GuardedMove extends CursorMove {
  /** SQL expression: whether the tables still have the definitions that the page was made for. */
  readonly unchanged: Statement;
}

/**
 * The same for a page whose COMMIT is already sent, so that its result cannot be checked first: if the cursor does not move,
 * a division by zero rolls the page back. It also does not move a row that is paused, is halted or has a failure that was
 * not skipped, since those need further statements, nor one whose tables are not its own or have changed.
 */
export function advanceOrFail(sql: Queryable, events: EventsSql, move: GuardedMove): Statement {
  const condition = sql`status = 'running' AND NOT EXISTS (
    SELECT FROM projection_failures AS f WHERE f.name = ${move.name} AND f.instance_id = '' AND f.skipped_at IS NULL)
    AND ${replacedTable(sql)} IS NULL AND ${move.unchanged}`;
  return sql`WITH ${moving(sql, events, move, condition)} SELECT 1 / count(*) FROM moved`;
}

function moving(sql: Queryable, events: EventsSql, move: CursorMove, condition: Statement) {
  const { name, from, to, generation, owner, newest, knownTo, marks = [] } = move;
  return sql`
    moved AS (
      UPDATE projection_state AS s
      SET cursor = ${to}, last_event_id = coalesce(${events.idAt(sql, sql`${to}`)}, last_event_id),
          owner = ${owner}, starts = 0, updated_at = now()
      WHERE name = ${name} AND instance_id = '' AND cursor = ${from} AND generation = ${generation} AND ${condition}
        AND ${events.inStore(sql, marks)}
      RETURNING name
    ), published AS (
      UPDATE readviews AS r
      SET position = greatest(r.position, ${newest}::bigint, ${events.newestOf(sql, knownTo, to)})
      FROM moved WHERE r.name = moved.name
    )`;
}

export interface IdleCheckpoint {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  /** Id of the event at `to`; null: not compared. */
  readonly toId: string | null;
  /** Greatest epoch second of all events after `from` up to `to`, and possibly of earlier ones; null if there are none. */
  readonly newest: bigint | null;
  readonly generation: bigint;
}

/** A projection that was not moved, with its stored cursor and generation; null if it has no row. */
export interface UnmovedCheckpoint {
  readonly name: string;
  readonly cursor: bigint | null;
  readonly generation: bigint | null;
  /** Whether the event at the end of the move is no longer in the store. */
  readonly takenBack: boolean;
}

/**
 * Moves the cursors of projections over events that they do not handle, many in one statement. The events at the ends of
 * the moves, of which there are few, are read once each. A row that another transaction holds, or whose cursor is no longer
 * at the start of the move, is not changed.
 * @returns the projections that were not moved
 */
export async function flushIdleCheckpoints(
  sql: Sql,
  events: EventsSql,
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
      SELECT m.stop, ${events.idAt(sql, sql`m.stop`)} AS id FROM (SELECT DISTINCT stop FROM moves) AS m
    ), valid AS MATERIALIZED (
      SELECT m.*, e.id FROM moves AS m JOIN ends AS e ON e.stop = m.stop AND (m.stop_id IS NULL OR m.stop_id = e.id)
    ), due AS (
      SELECT s.name, m.stop, m.id, m.newest FROM projection_state AS s JOIN valid AS m USING (name)
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
           NOT EXISTS (SELECT FROM valid AS v WHERE v.name = m.name) AS "takenBack"
    FROM moves AS m LEFT JOIN projection_state AS s ON s.name = m.name AND s.instance_id = ''
    WHERE NOT EXISTS (SELECT FROM moved WHERE moved.name = m.name)`;
}

/** Locks the rows of these projections in the order of their names, as a reset does, so that two of these cannot deadlock. */
export async function lockRows(tx: Tx, names: readonly string[]): Promise<void> {
  await tx`
    SELECT FROM projection_state WHERE name = ANY(${[...names]}::text[]) AND instance_id = '' ORDER BY name FOR UPDATE`;
}
