import type { StoredEvent } from '../core/event.ts';
import type { Queryable } from '../postgres/pool.ts';

/** What a starting process reads about the processes before it. */
export interface StartNote {
  readonly name: string;
  /** Starts in a row, this one included, in which the projection had events to apply and its cursor did not move. */
  readonly starts: number;
  /** Position of the event whose attempts no process has survived; null if there is none. */
  readonly position: bigint | null;
  /** Processes that ended during an attempt at that event. */
  readonly deaths: number;
  /** Whether the halt for these deaths is stored. Then an attempt at the event is one that an operator has requested. */
  readonly halted: boolean;
}

/**
 * Counts this start for every projection that has events to apply, and a death for each attempt that was under way when
 * the last process ended. Nothing is counted for a row that another transaction holds, since its process may be alive. The
 * record of earlier processes is read for such a row too, or a held row would hide a deadly event. A start of a halted
 * projection attempts nothing, so it is not counted.
 * @returns the notes of the projections that have events to apply, by name
 */
export async function noteStart(sql: Queryable, names: readonly string[]): Promise<ReadonlyMap<string, StartNote>> {
  const rows = await sql<StartNote[]>`
    WITH due AS (
      SELECT name, starts, status FROM projection_state
      WHERE name = ANY(${[...names]}::text[]) AND instance_id = '' AND status <> 'paused' AND refused IS NULL
        AND cursor < (SELECT coalesce(max(position), 0) FROM events)
    ), free AS (
      SELECT name FROM projection_state JOIN due USING (name) WHERE instance_id = ''
      FOR UPDATE OF projection_state SKIP LOCKED
    ), started AS (
      UPDATE projection_state AS s SET starts = starts + 1 FROM free AS f
      WHERE s.name = f.name AND s.instance_id = '' AND s.status <> 'halted' RETURNING s.name, s.starts
    ), died AS (
      UPDATE projection_attempts AS a SET deaths = deaths + running::int, running = false FROM free AS f
      WHERE a.name = f.name AND a.instance_id = '' RETURNING a.name, a.position, a.deaths
    )
    SELECT due.name, coalesce(started.starts, due.starts) AS starts, coalesce(died.position, a.position) AS position,
           coalesce(died.deaths, a.deaths, 0) AS deaths,
           due.status = 'halted' AND EXISTS (
             SELECT FROM projection_failures AS f WHERE f.name = due.name AND f.instance_id = ''
               AND f.position = a.position AND f.code = 'PROCESS_DIED' AND f.skipped_at IS NULL) AS halted
    FROM due LEFT JOIN started USING (name) LEFT JOIN died USING (name)
      LEFT JOIN projection_attempts AS a ON a.name = due.name AND a.instance_id = ''`;
  return new Map(rows.map((row) => [row.name, row]));
}

/** Records an attempt. Commit it before the event is applied: the process may not survive the attempt. */
export async function beginAttempt(
  sql: Queryable,
  name: string,
  { position, id, name: type }: StoredEvent,
): Promise<void> {
  await sql`
    INSERT INTO projection_attempts AS a (name, position, event_id, event_name, running)
    VALUES (${name}, ${position}, ${id}, ${type}, true)
    ON CONFLICT (name, instance_id) DO UPDATE
    SET position = EXCLUDED.position, event_id = EXCLUDED.event_id, event_name = EXCLUDED.event_name, running = true,
        deaths = CASE a.position WHEN EXCLUDED.position THEN a.deaths ELSE 0 END`;
}

/** Records that the process has survived the attempt, whether the event was applied or failed. */
export async function endAttempt(sql: Queryable, name: string): Promise<void> {
  await sql`DELETE FROM projection_attempts WHERE name = ${name} AND instance_id = ''`;
}
