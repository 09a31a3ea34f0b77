import type { Queryable } from './session.ts';

/** When and where something was read: on which start of a server, and when by its clock, both in microseconds. */
export interface ServerMoment {
  readonly server: bigint;
  readonly at: bigint;
}

export type Moment = readonly [server: bigint, at: bigint];

export function momentOf(moment: readonly bigint[] | null | undefined): ServerMoment | null {
  const [server, at] = moment ?? [];
  return server === undefined || at === undefined ? null : { server, at };
}

/** The moment of the statement that this is a part of, as `momentOf` takes it. */
export function serverMoment(sql: Queryable) {
  return sql`ARRAY[extract(epoch FROM pg_postmaster_start_time()) * 1000000,
                   extract(epoch FROM statement_timestamp()) * 1000000]::bigint[]`;
}

/**
 * True where nothing that was committed at that moment can have been taken back since: this session is of the same start
 * of the same server, and was there already. A crash ends every session, and the server that takes over in a failover
 * has a start of its own. Asked of the server itself, since a pooler keeps its connection to us over both. Also false for
 * a session that was opened in the meantime for any other reason: nothing is known then.
 */
export function isUnbrokenSince(sql: Queryable, { server, at }: ServerMoment) {
  return sql`coalesce((
    SELECT extract(epoch FROM pg_postmaster_start_time()) * 1000000 = ${server}::bigint
       AND extract(epoch FROM backend_start) * 1000000 <= ${at}::bigint
    FROM pg_stat_get_activity(pg_backend_pid())), false)`;
}
