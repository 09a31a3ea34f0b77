import type { Queryable } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

export interface PageLimits {
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Milliseconds that one statement may take. */
  readonly statementMs: number;
  /** Milliseconds for which the server waits for the next statement. */
  readonly nextStatementMs: number;
}

/**
 * With these settings the server notices within seconds that its client is gone, and releases the row that the page has
 * locked. It probes a silent peer, bounds the time for unacknowledged bytes, and checks the socket during a long statement
 * (otherwise a killed client would hold the row until the statement ends).
 */
const LIVENESS = [
  ['tcp_keepalives_idle', '4'],
  ['tcp_keepalives_interval', '2'],
  ['tcp_keepalives_count', '3'],
  ['tcp_user_timeout', '10s'],
  ['client_connection_check_interval', '500ms'],
] as const;

/** application_name of the session while it applies a page. The server keeps 63 bytes of it. */
export function pageProgram(owner: string, projection: string): string {
  return `proj:${owner}:${projection}`.slice(0, 63);
}

/**
 * Sets the limits for this transaction only, so they hold behind a pooler too. The liveness settings are set on Linux only: a
 * server on another system refuses the last one, and would log a line for each of the others with every page.
 */
export function limitPage(tx: Queryable, limits: PageLimits): Statement {
  return tx`
    SELECT set_config('application_name', ${limits.applicationName}, true),
           set_config('statement_timeout', ${String(limits.statementMs)}, true),
           set_config('lock_timeout', '2s', true),
           set_config('idle_in_transaction_session_timeout', ${String(limits.nextStatementMs)}, true),
           (SELECT count(set_config(name, value, true))
            FROM unnest(${LIVENESS.map(([name]) => name)}::text[], ${LIVENESS.map(([, value]) => value)}::text[]) AS s (name, value)
            WHERE version() LIKE '%linux%')`;
}
