import type { Halt } from '../core/halt.ts';
import type { Queryable } from '../postgres/pool.ts';

/**
 * The failure by which a projection is halted; null where it is halted by none. It may be of an event that has been
 * applied, so the cursor says nothing of it, nor does an earlier SKIP: what a handler leaves behind fails later than its
 * page. Each halt records its failure in its own transaction, so the last one recorded is that of the halt.
 */
export async function readHalt(sql: Queryable, name: string): Promise<Omit<Halt, 'projection' | 'daemon'> | null> {
  const [row] = await sql<Omit<Halt, 'projection' | 'daemon'>[]>`
    SELECT f.position::text AS position, f.event_id AS "eventId", f.event_name AS "eventName", f.error, f.sqlstate,
           f.code, f.attempts, to_char(f.last_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM projection_failures AS f JOIN projection_state AS s USING (name, instance_id)
    WHERE f.name = ${name} AND f.instance_id = '' AND s.status = 'halted'
    ORDER BY f.last_at DESC LIMIT 1`;
  return row ?? null;
}
