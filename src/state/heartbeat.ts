import type { Sql } from '../postgres/pool.ts';
import { fingerprint } from './projection-state.ts';

/** The result of the one cheap statement that a daemon runs once a second. */
export interface Heartbeat {
  /** Highest position that was allocated so far; 0 if there is none. */
  readonly lastAllocated: bigint;
  /** Fingerprint of all state summaries: it changes with every reset, pause and halt of any projection, and with its end. */
  readonly summaries: string;
  /** Whether a command of any projection is pending. */
  readonly pending: boolean;
}

export async function readHeartbeat(sql: Sql): Promise<Heartbeat> {
  const [row] = await sql<[Heartbeat]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS "lastAllocated",
           (SELECT coalesce(${fingerprint(sql)}, 0)::text FROM projection_state WHERE instance_id = '') AS summaries,
           EXISTS (SELECT FROM projection_commands WHERE state = 'pending') AS pending`;
  return row;
}
