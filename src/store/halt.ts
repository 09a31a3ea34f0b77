import type { Halt } from '../core/halt.ts';
import type { Queryable } from './connect.ts';

/** The failure that a projection stands before; null when there is none on record. */
export async function readHalt(sql: Queryable, name: string): Promise<Omit<Halt, 'projection' | 'daemon'> | null> {
  const [row] = await sql<Omit<Halt, 'projection' | 'daemon'>[]>`
    SELECT f.position::text AS position, f.event_id AS "eventId", f.event_name AS "eventName", f.error, f.sqlstate,
           f.code, f.attempts, to_char(f.last_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM projection_failures AS f JOIN projection_state AS s USING (name, instance_id)
    WHERE f.name = ${name} AND f.instance_id = '' AND f.position > s.cursor AND f.skipped_at IS NULL
    ORDER BY f.position LIMIT 1`;
  return row ?? null;
}
