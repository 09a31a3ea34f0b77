import type { Sql } from '../postgres/pool.ts';
import { fingerprint } from './projection-state.ts';

/** What one cheap statement, once a second, says of the whole database. */
export interface Heartbeat {
  /** Highest position drawn so far. */
  readonly lastAllocated: bigint;
  /** Changes with every reset, pause and halt of any projection, and with their ends. */
  readonly standings: string;
  /** A command of any projection waits to be carried out. */
  readonly pending: boolean;
}

export async function readHeartbeat(sql: Sql): Promise<Heartbeat> {
  const [row] = await sql<[Heartbeat]>`
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) AS "lastAllocated",
           (SELECT coalesce(${fingerprint(sql)}, 0)::text FROM projection_state WHERE instance_id = '') AS standings,
           EXISTS (SELECT FROM projection_commands WHERE state = 'pending') AS pending`;
  return row;
}
