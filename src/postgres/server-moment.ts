import type { Queryable } from './session.ts';

/** When and where something was read. Both fields are microseconds since 1970, by the clock of the server. */
export interface ServerMoment {
  /** The start of the server. */
  readonly server: bigint;
  /** The start of the statement. */
  readonly at: bigint;
}

export type Moment = readonly [server: bigint, at: bigint];

export function momentOf(moment: readonly bigint[] | null | undefined): ServerMoment | null {
  const [server, at] = moment ?? [];
  return server === undefined || at === undefined ? null : { server, at };
}

/** SQL: the moment of the statement that contains this expression, as `momentOf` accepts it. */
export function serverMoment(sql: Queryable) {
  return sql`ARRAY[extract(epoch FROM pg_postmaster_start_time()) * 1000000,
                   extract(epoch FROM statement_timestamp()) * 1000000]::bigint[]`;
}

/**
 * SQL: true if nothing that was committed at that moment can have been lost since. That holds if this session belongs to
 * the same start of the same server and was open at that moment: a crash ends every session, and the server that takes over
 * in a failover has a start of its own. The server evaluates it, because a pooler keeps its connection to us through both.
 * It is also false for a session that was opened later for any other reason, since nothing is known then.
 */
export function isUnbrokenSince(sql: Queryable, { server, at }: ServerMoment) {
  return sql`coalesce((
    SELECT extract(epoch FROM pg_postmaster_start_time()) * 1000000 = ${server}::bigint
       AND extract(epoch FROM backend_start) * 1000000 <= ${at}::bigint
    FROM pg_stat_get_activity(pg_backend_pid())), false)`;
}
