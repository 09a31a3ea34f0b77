import type { FailureRecord } from '../core/failure.ts';
import { type FailurePolicy, type Verdict, verdictOf } from '../core/failure-policy.ts';
import type { Halt } from '../core/halt.ts';
import type { FailedEvent } from '../core/port.ts';
import type { FailureStatus } from '../core/status.ts';
import type { Queryable, Tx } from '../postgres/pool.ts';

/** The failure of one event, as it is stored. */
export interface EventFailure extends FailedEvent {
  readonly eventId: string;
  /** Stream and time of the event, for the log and the search for a cause. */
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
  readonly occurredAt: string;
  readonly statement: string | null;
}

/**
 * Counts one more failed attempt at an event, and applies the verdict of the policy: the projection is halted, also over
 * restarts, or the event is recorded as skipped. Call it in the transaction that commits the events before it. An event
 * that was skipped before and fails again is a new failure with attempt 1: a skipped one would be shown nowhere.
 */
export async function recordFailure(
  tx: Tx,
  name: string,
  failure: EventFailure,
  policy: FailurePolicy,
): Promise<{ readonly attempts: number; readonly verdict: Verdict }> {
  const [row] = await tx<[{ attempts: number }]>`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error, code, sqlstate, statement)
    VALUES (${name}, ${failure.position}, ${failure.eventId}, ${failure.eventName}, 1, ${failure.error},
            ${failure.code}, ${failure.sqlstate}, ${failure.statement})
    ON CONFLICT (name, instance_id, position) DO UPDATE
    SET attempts = CASE WHEN projection_failures.skipped_at IS NULL THEN projection_failures.attempts ELSE 0 END + 1,
        first_at = CASE WHEN projection_failures.skipped_at IS NULL THEN projection_failures.first_at ELSE now() END,
        skipped_at = NULL, skipped_by = NULL, skip_reason = NULL, event_id = EXCLUDED.event_id, event_name = EXCLUDED.event_name,
        error = EXCLUDED.error, code = EXCLUDED.code, sqlstate = EXCLUDED.sqlstate, statement = EXCLUDED.statement, last_at = now()
    RETURNING attempts`;
  const verdict = verdictOf(policy, row.attempts);
  const status = verdict === 'halt' ? 'halted' : 'running';
  await tx`UPDATE projection_state SET status = ${status}, updated_at = now() WHERE name = ${name} AND instance_id = ''`;
  if (verdict === 'skip') {
    const reason = `the policy skips an event at attempt ${policy.maxFailureCount}`;
    await tx`
      UPDATE projection_failures SET skipped_at = now(), skipped_by = 'policy', skip_reason = ${reason}
      WHERE name = ${name} AND instance_id = '' AND position = ${failure.position}`;
  }
  return { attempts: row.attempts, verdict };
}

/** Deletes the failures of events up to this position, which have been applied since. Skipped ones stay on record. */
export async function clearFailures(tx: Tx, name: string, upTo: bigint): Promise<void> {
  await tx`
    DELETE FROM projection_failures
    WHERE name = ${name} AND instance_id = '' AND position <= ${upTo} AND skipped_at IS NULL`;
}

/** The current failure of each projection, by name: of its failures that were not skipped, the one at the lowest position. */
export async function readFailures(sql: Queryable): Promise<ReadonlyMap<string, FailureStatus>> {
  const rows = await sql<({ name: string } & FailureStatus)[]>`
    SELECT DISTINCT ON (name) name, event_id AS "eventId", position::text AS position, event_name AS "eventName", attempts,
           error, sqlstate, code, statement, to_char(last_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM projection_failures WHERE instance_id = '' AND skipped_at IS NULL ORDER BY name, position`;
  return new Map(rows.map(({ name, ...failure }) => [name, failure]));
}

/** Failures that are listed at most. */
const LISTED = 1000;

/**
 * Reads the failures of one projection, or of all if `name` is null: by name, highest position first, at most 1000. Columns
 * of later migrations are read from the row as JSON, because this may run before those migrations.
 */
export async function listFailures(sql: Queryable, name: string | null): Promise<readonly FailureRecord[]> {
  return await sql<FailureRecord[]>`
    SELECT name, position::text AS position, event_id AS "eventId", event_name AS "eventName", attempts, error,
           to_jsonb(f) ->> 'code' AS code, sqlstate, statement,
           to_char(first_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "firstAt", to_char(last_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "lastAt",
           CASE WHEN to_jsonb(f) ->> 'skipped_at' IS NOT NULL THEN json_build_object(
             'at', to_char((to_jsonb(f) ->> 'skipped_at')::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
             'by', to_jsonb(f) ->> 'skipped_by', 'reason', to_jsonb(f) ->> 'skip_reason') END AS skipped
    FROM projection_failures AS f
    WHERE instance_id = '' AND (${name}::text IS NULL OR name = ${name})
    ORDER BY name, f.position DESC LIMIT ${LISTED}`;
}

/** The failure of the next event of a projection; null if there is none. */
export async function readCurrentFailure(sql: Queryable, name: string): Promise<FailureRecord | null> {
  const [state] = await sql<{ cursor: bigint }[]>`
    SELECT cursor FROM projection_state WHERE name = ${name} AND instance_id = ''`;
  // A failure up to the cursor is of an applied event (a promise that its handler did not await failed later) or skipped.
  const failures = (await listFailures(sql, name)).filter(
    ({ position }) => state !== undefined && BigInt(position) > state.cursor,
  );
  return failures.at(-1) ?? null;
}

/**
 * The failure by which a projection is halted; null if it is not halted, or not by a failure. Its event may have been
 * applied or skipped, because a promise that a handler did not await can fail later than its page. So neither the cursor
 * nor `skipped_at` identifies the failure. Each halt records its failure in its own transaction, so the failure recorded
 * last is that of the halt.
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
