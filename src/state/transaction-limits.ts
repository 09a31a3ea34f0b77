import type { Queryable } from '../postgres/pool.ts';
import type { Statement } from '../postgres/sql.ts';

export interface PageLimits {
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Milliseconds one statement may take. */
  readonly statementMs: number;
  /** Milliseconds the server waits for the next statement. */
  readonly nextStatementMs: number;
}

/**
 * How the server finds out that its client is gone without a word, so that the row the page has locked is free again in
 * seconds: it probes a silent peer, gives up on unacknowledged bytes, and looks at the socket during a long statement
 * (a client that was killed would hold the row to the statement's end otherwise).
 */
const LIVENESS = [
  ['tcp_keepalives_idle', '4'],
  ['tcp_keepalives_interval', '2'],
  ['tcp_keepalives_count', '3'],
  ['tcp_user_timeout', '10s'],
  ['client_connection_check_interval', '500ms'],
] as const;

/** Name of the session that applies a page, while it does. The server keeps 63 bytes of it. */
export function pageProgram(owner: string, projection: string): string {
  return `proj:${owner}:${projection}`.slice(0, 63);
}

/**
 * Limits of this transaction only: they hold behind a pooler too. The liveness settings are Linux's; a server on another
 * system refuses the last one and would log the others with every page, so there they are left as they are.
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
