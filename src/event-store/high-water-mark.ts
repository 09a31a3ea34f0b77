import type { StoredEvent } from '../core/event.ts';
import { isConnectionLost } from '../postgres/errors.ts';
import type { Queryable, Sql } from '../postgres/pool.ts';
import { type HighWaterMark, nextHighWaterMark } from './announced-bounds.ts';
import { readRecent } from './read.ts';

/** An open appender. The high-water mark cannot rise above the bound that it announced. */
export interface OpenAppender {
  /** Null for a prepared transaction. */
  readonly pid: number | null;
  /** Age of its transaction in seconds; null where this role may not see it. */
  readonly seconds: number | null;
}

interface Head {
  /** Position of the greatest visible event at or below the mark: the cursor of a projection that has applied every event. */
  readonly position: bigint;
  /** Of that event; null when there is none. */
  readonly id: string | null;
  /** The high-water mark itself: no event can appear at or below it any more. */
  readonly safe: bigint;
  /** Highest position allocated. Where it is above `position` without holders, those transactions rolled back. */
  readonly lastAllocated: bigint;
  readonly holders: readonly OpenAppender[];
  /** Every event after the last poll's position up to this one's; null where this is not known. */
  readonly recent: { readonly after: bigint; readonly events: readonly StoredEvent[] } | null;
}

export interface HighWaterMarkReader {
  /** Polls now. Concurrent calls share one poll that starts after each of them. */
  read(): Promise<Head>;
  /** The last allocated position: where it is unchanged, a poll finds nothing. */
  lastAllocated(): Promise<bigint>;
  /** Drops the last result after a lost connection: a restarted server may have taken allocated positions back. */
  forget(): void;
  /** Rises whenever earlier results are no longer valid. A caller that keeps something read from the store compares it. */
  epoch(): number;
}

/**
 * Reads the high-water mark. The statements are sent together over one connection and run in that order. Each has a snapshot
 * of its own (autocommit), which the proof needs: 1. the last allocated position, before 2. the announcements held. An
 * appender that is missing in 2 takes its lock later, allocates later still, and so allocates above 1. Only then may 3. read
 * rows: those after the last poll's position, which saves the projections that wait for them a query. A page that is read
 * later may read all of them.
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
      Promise.all([readLastAllocated(one), readAnnouncements(one), after === null ? null : tryRecent(one, after)]),
    );
    // Positions were taken back: with the old mark a reader would pass an appender that allocates them again.
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
    // A running poll may have begun before the caller's reason to poll.
    queued ??= running.then(startQueued, startQueued);
    return queued;
  }

  function startQueued(): Promise<Head> {
    queued = null;
    return read();
  }

  return {
    read,
    lastAllocated: () => readLastAllocated(sql),
    forget,
    epoch: () => epoch,
  };
}

async function readLastAllocated(sql: Queryable): Promise<bigint> {
  const [row] = await sql<[{ lastAllocated: bigint }]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS "lastAllocated"`;
  return row.lastAllocated;
}

/** The greatest event at or below the mark; 0 and null while there is none. */
interface Top {
  readonly position: bigint;
  readonly id: string | null;
}

async function readTop(sql: Sql, head: bigint): Promise<Top> {
  const [top] = await sql<Top[]>`
    SELECT position, id FROM events WHERE position <= ${head} ORDER BY position DESC LIMIT 1`;
  return top ?? { position: 0n, id: null };
}

/** An event that cannot be read fails its projection, not the poll. */
async function tryRecent(sql: Queryable, after: bigint): Promise<readonly StoredEvent[] | null> {
  return await readRecent(sql, after).catch((error: unknown) => {
    if (isConnectionLost(error)) throw error;
    return null;
  });
}

/** Also those without a pid: a prepared transaction keeps its announcement. */
async function readAnnouncements(sql: Queryable) {
  return await sql<{ low: bigint; pid: number | null; seconds: number | null }[]>`
    SELECT l.objid::bigint AS low, l.pid, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid = pg_get_serial_sequence('events', 'position')::regclass::oid
    ORDER BY l.objid`;
}
