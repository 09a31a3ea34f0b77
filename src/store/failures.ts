import type { FailedEvent } from '../core/port.ts';
import type { FailureStatus } from '../core/status.ts';
import type { Queryable, Tx } from './connect.ts';

/** Why one event could not be applied, as it is written down. */
export interface EventFailure extends FailedEvent {
  readonly eventId: string;
  readonly statement: string | null;
}

/**
 * Counts one more failed attempt at an event, in the transaction that commits what precedes it. From `maxAttempts` on
 * the projection is halted, and stays so over restarts.
 */
export async function recordFailure(
  tx: Tx,
  name: string,
  failure: EventFailure,
  maxAttempts: number,
): Promise<{ readonly attempts: number; readonly halted: boolean }> {
  const [row] = await tx<[{ attempts: number }]>`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error, code, sqlstate, statement)
    VALUES (${name}, ${failure.position}, ${failure.eventId}, ${failure.eventName}, 1, ${failure.error},
            ${failure.code}, ${failure.sqlstate}, ${failure.statement})
    ON CONFLICT (name, instance_id, position) DO UPDATE
    SET attempts = projection_failures.attempts + 1, event_id = EXCLUDED.event_id, event_name = EXCLUDED.event_name,
        error = EXCLUDED.error, code = EXCLUDED.code, sqlstate = EXCLUDED.sqlstate, statement = EXCLUDED.statement, last_at = now()
    RETURNING attempts`;
  const halted = row.attempts >= maxAttempts;
  const status = halted ? 'halted' : 'running';
  await tx`UPDATE projection_state SET status = ${status}, updated_at = now() WHERE name = ${name} AND instance_id = ''`;
  return { attempts: row.attempts, halted };
}

/** The failures of events that have been applied since; those that were skipped stay on record. */
export async function clearFailures(tx: Tx, name: string, upTo: bigint): Promise<void> {
  await tx`
    DELETE FROM projection_failures
    WHERE name = ${name} AND instance_id = '' AND position <= ${upTo} AND skipped_at IS NULL`;
}

/** The event each projection stands before, if it failed; by name. */
export async function readFailures(sql: Queryable): Promise<ReadonlyMap<string, FailureStatus>> {
  const rows = await sql<({ name: string } & FailureStatus)[]>`
    SELECT DISTINCT ON (name) name, event_id AS "eventId", position::text AS position, event_name AS "eventName", attempts,
           error, sqlstate, statement, to_char(last_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM projection_failures WHERE instance_id = '' AND skipped_at IS NULL ORDER BY name, position`;
  return new Map(rows.map(({ name, ...failure }) => [name, failure]));
}
