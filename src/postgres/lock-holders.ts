import type { Queryable } from './pool.ts';

interface LockHolder {
  /** Null for a prepared transaction. */
  readonly pid: number | null;
  readonly program: string | null;
  readonly state: string | null;
  readonly seconds: number | null;
}

/**
 * Describes the sessions that hold locks on these tables or on the state rows of these projections, for the message of a
 * lock timeout. The server may hide the program of a session of another role, but never its pid.
 */
export async function describeLockHolders(
  sql: Queryable,
  tables: readonly string[],
  names: readonly string[],
): Promise<string> {
  const holders = await sql<LockHolder[]>`
    SELECT DISTINCT l.pid, a.application_name AS program, a.state,
           floor(extract(epoch FROM clock_timestamp() - a.xact_start))::int AS seconds
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND (l.locktype = 'relation' AND l.relation = ANY(${[...tables]}::text[]::regclass[])
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           OR l.locktype = 'transactionid' AND l.transactionid IN
             (SELECT s.xmax FROM projection_state AS s WHERE s.name = ANY(${[...names]}::text[])))
    ORDER BY l.pid`;
  if (holders.length === 0) return 'no session holds the lock any more';
  return `in the way: ${holders.map(describe).join(', ')}`;
}

/** Sessions that are named at most for one that waits: the queue for one lock may be long. */
const NAMED = 3;

/**
 * Describes the sessions that block each of these sessions (by application name) that waits for a lock now. `sql` is
 * another session.
 */
export async function readLockWaits(sql: Queryable, programs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<(LockHolder & { readonly waiting: string })[]>`
    SELECT DISTINCT w.application_name AS waiting, nullif(b.pid, 0) AS pid, h.application_name AS program, h.state,
           floor(extract(epoch FROM clock_timestamp() - h.xact_start))::int AS seconds
    FROM pg_stat_activity AS w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid)
         LEFT JOIN pg_stat_activity AS h ON h.pid = b.pid
    WHERE w.datname = current_database() AND w.wait_event_type = 'Lock'
      AND w.application_name = ANY(${[...programs]}::text[])
    ORDER BY 1, seconds DESC NULLS LAST, 2 LIMIT 200`;
  const found = new Map<string, LockHolder[]>();
  for (const row of rows) found.set(row.waiting, [...(found.get(row.waiting) ?? []), row]);
  return new Map([...found].map(([program, holders]) => [program, describeAll(holders)]));
}

function describeAll(holders: readonly LockHolder[]): string {
  const named = holders.slice(0, NAMED).map(describe).join(', ');
  return holders.length > NAMED ? `${named} and ${holders.length - NAMED} more` : named;
}

function describe({ pid, program, state, seconds }: LockHolder): string {
  if (pid === null) return 'a prepared transaction';
  const known = [program, state, seconds === null ? null : `for ${seconds} s`].filter(Boolean).join(', ');
  return known === '' ? `pid ${pid}` : `pid ${pid} (${known})`;
}
