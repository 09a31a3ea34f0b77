import type { StoredEvent } from '../core/event.ts';
import { isConnectionLost } from '../postgres/errors.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';
import { type HighWaterMark, nextHighWaterMark } from './announced-bounds.ts';
import { readRecent } from './read.ts';

/** An appender that is still open and so holds the head where it announced its bound. */
export interface OpenAppender {
  /** Null for a prepared transaction. */
  readonly pid: number | null;
  /** Age of its transaction in seconds; null where this role may not see it. */
  readonly seconds: number | null;
}

interface Head {
  /** Greatest visible event at or below the safe bound: where a projection that has seen everything stands. */
  readonly position: bigint;
  /** Of that event; null when there is none. */
  readonly id: string | null;
  /** The bound itself: nothing can appear at or below it any more. */
  readonly safe: bigint;
  /** Highest position drawn. Above `position` with nobody holding: positions whose transactions rolled back. */
  readonly lastAllocated: bigint;
  readonly holders: readonly OpenAppender[];
  /** Every event after the last look's position up to this one's; null when that is not known. */
  readonly recent: { readonly after: bigint; readonly events: readonly StoredEvent[] } | null;
}

export interface HighWaterMarkReader {
  /** Looks now. Calls at the same time share one look that starts after each of them. */
  read(): Promise<Head>;
  /** Last allocated position: whether it is worth a look. */
  lastAllocated(): Promise<bigint>;
  /** After a lost connection: a restarted server may have taken drawn positions back. */
  forget(): void;
  /** Counts up whenever what was seen before no longer counts; whoever remembers something of the store compares it. */
  epoch(): number;
}

/**
 * Reads the safe head. The statements are sent in a row over one connection and run in that order; each sees
 * the store as of its own moment (autocommit), which is what the proof needs:
 * 1. the highest position drawn, before 2. the announcements held; an appender that is missing in 2 takes its lock
 * later, draws later still, and so draws above 1. Only then may 3. look at rows: those after the last look's position,
 * which also spares whoever waits for them a question of its own. A page that is read later may look at all of them.
 */
export function createHighWaterMarkReader(sql: Sql): HighWaterMarkReader {
  let previous: (HighWaterMark & Top) | null = null;
  let running: Promise<Head> | null = null;
  let queued: Promise<Head> | null = null;
  let epoch = 0;

  function forget(): void {
    previous = null;
    epoch += 1;
  }

  async function poll(): Promise<Head> {
    const began = epoch;
    const after = previous?.position ?? null;
    const [lastAllocated, held, seen] = await sql.session((one) =>
      Promise.all([readDrawn(one), readAnnouncements(one), after === null ? null : tryRecent(one, after)]),
    );
    // Positions were taken back: the old head would let a reader pass an appender that draws them again.
    if (previous !== null && lastAllocated < previous.lastAllocated) {
      forget();
      return await poll();
    }
    const mark = nextHighWaterMark({ lastAllocated, announced: held.map((lock) => lock.low) }, previous);
    const events = seen?.filter(({ position }) => position <= mark.head) ?? null;
    const top: Top = events === null || previous === null ? await readTop(sql, mark.head) : (events.at(-1) ?? previous);
    const { position, id } = top;
    // The connection was lost in between: this bound is the old server's, those rows may be the restarted one's.
    if (began !== epoch) return await poll();
    previous = { ...mark, position, id };
    return {
      position,
      id,
      safe: mark.head,
      lastAllocated,
      holders: held.map(({ pid, seconds }) => ({ pid, seconds })),
      recent: events === null || after === null ? null : { after, events },
    };
  }

  function read(): Promise<Head> {
    if (running === null) {
      running = poll().finally(() => {
        running = null;
      });
      return running;
    }
    // A look that is under way may have begun before the caller's reason to look.
    queued ??= running.then(startQueued, startQueued);
    return queued;
  }

  function startQueued(): Promise<Head> {
    queued = null;
    return read();
  }

  return {
    read,
    lastAllocated: () => readDrawn(sql),
    forget,
    epoch: () => epoch,
  };
}

async function readDrawn(sql: Queryable): Promise<bigint> {
  const [row] = await sql<[{ lastAllocated: bigint }]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS "lastAllocated"`;
  return row.lastAllocated;
}

/** The event that the head stands on; 0 and null while there is none. */
interface Top {
  readonly position: bigint;
  readonly id: string | null;
}

async function readTop(sql: Sql, head: bigint): Promise<Top> {
  const [top] = await sql<Top[]>`
    SELECT position, id FROM events WHERE position <= ${head} ORDER BY position DESC LIMIT 1`;
  return top ?? { position: 0n, id: null };
}

/** An event that cannot be read is its projection's to fail on, not the look's. */
async function tryRecent(sql: Queryable, after: bigint): Promise<readonly StoredEvent[] | null> {
  return await readRecent(sql, after).catch((error: unknown) => {
    if (isConnectionLost(error)) throw error;
    return null;
  });
}

/** Any pid, also none: a prepared transaction keeps its announcement. */
async function readAnnouncements(sql: Queryable) {
  return await sql<{ low: bigint; pid: number | null; seconds: number | null }[]>`
    SELECT l.objid::bigint AS low, l.pid, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid = pg_get_serial_sequence('events', 'position')::regclass::oid
    ORDER BY l.objid`;
}
