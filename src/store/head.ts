import { type HeadMark, safeHead } from '../core/safe-head.ts';
import type { Queryable, Sql } from './connect.ts';

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
  /** Highest position drawn. Above `position` with nobody holding: positions whose transactions rolled back. */
  readonly drawn: bigint;
  readonly holders: readonly OpenAppender[];
}

export interface HeadReader {
  /** Looks now. Calls at the same time share one look that starts after each of them. */
  read(): Promise<Head>;
  /** Highest position drawn so far, and the sum of all generations: one cheap statement, for the heartbeat. */
  beat(): Promise<{ readonly drawn: bigint; readonly resets: bigint }>;
  /** After a lost connection: a restarted server may have taken drawn positions back. */
  forget(): void;
  /** Counts up whenever what was seen before no longer counts; whoever remembers something of the store compares it. */
  epoch(): number;
}

/** The highest that PostgreSQL can give. */
const MAX_POSITION = 2n ** 63n - 1n;

/**
 * Reads the safe head. The statements are sent in a row over one connection and run in that order; each sees the store
 * as of its own moment (autocommit), which is what the proof needs:
 * 1. the highest position drawn, before 2. the announcements held; an appender that is missing in 2 takes its lock
 * later, draws later still, and so draws above 1. Only then may 3. (and the page) look at rows. Which row 3. may go up
 * to is known only after 2., so it takes the newest one, and is asked again where that lies above the safe bound.
 */
export function createHeadReader(sql: Sql): HeadReader {
  let previous: HeadMark | null = null;
  let running: Promise<Head> | null = null;
  let queued: Promise<Head> | null = null;
  let epoch = 0;

  function forget(): void {
    previous = null;
    epoch += 1;
  }

  async function look(): Promise<Head> {
    const began = epoch;
    const [drawn, held, newest] = await sql.session((one) =>
      Promise.all([readDrawn(one), readAnnouncements(one), readTop(one, MAX_POSITION)]),
    );
    // Positions were taken back: the old head would let a reader pass an appender that draws them again.
    if (previous !== null && drawn < previous.drawn) {
      forget();
      return await look();
    }
    const mark = safeHead({ drawn, announced: held.map((lock) => lock.low) }, previous);
    const top = newest <= mark.head ? newest : await readTop(sql, mark.head);
    // The connection was lost in between: this bound is the old server's, those rows may be the restarted one's.
    if (began !== epoch) return await look();
    previous = mark;
    return { position: top, drawn, holders: held.map(({ pid, seconds }) => ({ pid, seconds })) };
  }

  function read(): Promise<Head> {
    if (running === null) {
      running = look().finally(() => {
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
    beat: () => readBeat(sql),
    forget,
    epoch: () => epoch,
  };
}

/** The greatest visible position up to this one; 0 when there is none. */
async function readTop(sql: Queryable, upTo: bigint): Promise<bigint> {
  const [row] = await sql<{ position: bigint }[]>`
    SELECT position FROM events WHERE position <= ${upTo} ORDER BY position DESC LIMIT 1`;
  return row?.position ?? 0n;
}

async function readDrawn(sql: Queryable): Promise<bigint> {
  const [row] = await sql<[{ drawn: bigint }]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS drawn`;
  return row.drawn;
}

async function readBeat(sql: Sql) {
  const [row] = await sql<[{ drawn: bigint; resets: bigint }]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS drawn,
           (SELECT coalesce(sum(generation), 0)::bigint FROM projection_state WHERE instance_id = '') AS resets`;
  return row;
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
