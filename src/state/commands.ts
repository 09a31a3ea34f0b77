import type { CommandRecord, CommandRequest, PendingCommand } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import { OPERATOR_EVENTS } from '../core/operator-commands/command-registry.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Thrown in the transaction of an effect, so that it rolls back: another daemon, or a refusal, has ended the command. */
export class CommandEnded extends Error {}

const ENDED = 'the command has already ended';

/** Stores a command, unless one with its id is stored. @returns the stored command; null if it was deleted meanwhile */
export async function storeCommand(
  sql: Queryable,
  request: CommandRequest & { readonly id: string },
  acceptedBy: string,
): Promise<CommandRecord | null> {
  const { id, name, event, position = null, reason = null, generation = null, by } = request;
  await sql`
    INSERT INTO projection_commands (id, name, event, position, reason, generation, requested_by, accepted_by)
    VALUES (${id}, ${name}, ${event}, ${position}, ${reason}, ${generation}, ${by}, ${acceptedBy})
    ON CONFLICT (id) DO NOTHING`;
  return await readCommand(sql, id);
}

export async function readCommand(sql: Queryable, id: string): Promise<CommandRecord | null> {
  const [row] = await sql<CommandRecord[]>`SELECT ${recordColumns(sql)} FROM projection_commands WHERE id = ${id}`;
  return row ?? null;
}

/** At most `limit` commands, newest first. @param name null for the commands of every projection */
export async function readCommands(
  sql: Queryable,
  { name, limit }: { readonly name: string | null; readonly limit: number },
): Promise<readonly CommandRecord[]> {
  return await sql<CommandRecord[]>`
    SELECT ${recordColumns(sql)} FROM projection_commands
    WHERE ${name}::text IS NULL OR name = ${name}::text ORDER BY number DESC LIMIT ${limit}`;
}

function recordColumns(sql: Queryable) {
  return sql`
    id, name, event, position::text AS position, reason, generation::text AS generation,
    requested_by AS "requestedBy", accepted_by AS "acceptedBy",
    to_char(requested_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "requestedAt", state,
    carried_out_by AS "carriedOutBy", to_char(ended_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "endedAt",
    code, message, warning`;
}

/** The pending commands of these projections, in the order in which they were stored. */
export async function pendingCommands(sql: Queryable, names: readonly string[]): Promise<readonly PendingCommand[]> {
  return await sql<PendingCommand[]>`
    SELECT id, name, event, position, reason, generation, requested_by AS "requestedBy", accepted_by AS "acceptedBy",
           extract(epoch FROM clock_timestamp() - requested_at)::float8 AS seconds
    FROM projection_commands
    WHERE state = 'pending' AND instance_id = '' AND name = ANY(${[...names]}::text[])
      AND event = ANY(${[...OPERATOR_EVENTS]}::text[])  -- another kind is for a newer daemon, or is refused soon
    ORDER BY number`;
}

/** Locks a pending command before an expensive effect. @throws CommandEnded if it is no longer pending */
export async function lockCommand(tx: Queryable, id: string): Promise<void> {
  const rows = await tx`SELECT FROM projection_commands WHERE id = ${id} AND state = 'pending' FOR UPDATE`;
  if (rows.length !== 1) throw new CommandEnded(ENDED);
}

/**
 * Marks a command as done. Call it in the transaction of its effect, so that both are committed or neither is.
 * @throws CommandEnded if it is no longer pending
 */
export async function commandDone(
  tx: Queryable,
  id: string,
  { by, warning = null }: { readonly by: string; readonly warning?: string | null },
): Promise<void> {
  const ended = await tx`
    UPDATE projection_commands
    SET state = 'done', carried_out_by = ${by}, ended_at = clock_timestamp(), warning = ${warning}
    WHERE id = ${id} AND state = 'pending' RETURNING id`;
  if (ended.length !== 1) throw new CommandEnded(ENDED);
}

/** Marks a command as failed, with the reason. A command that has ended meanwhile is not changed. */
export async function refuseCommand(
  sql: Queryable,
  id: string,
  { by, code, message }: { readonly by: string; readonly code: string; readonly message: string },
): Promise<void> {
  await sql`
    UPDATE projection_commands
    SET state = 'failed', carried_out_by = ${by}, ended_at = clock_timestamp(), code = ${code}, message = ${message}
    WHERE id = ${id} AND state = 'pending'`;
}

/** @throws EngineError COMMAND_STALE if the command names another generation than `found` */
export function checkGeneration(
  { name, event, generation: expected }: Pick<PendingCommand, 'name' | 'event' | 'generation'>,
  found: bigint,
): void {
  if (expected !== null && expected !== found) throw new EngineError('COMMAND_STALE', { event, name, expected, found });
}

/** Checks the generation of a command whose effect has no transaction of its own. @throws EngineError COMMAND_STALE */
export async function expectGeneration(sql: Queryable, command: PendingCommand): Promise<void> {
  const [row] = await sql<{ generation: bigint }[]>`
    SELECT generation FROM projection_state WHERE name = ${command.name} AND instance_id = ''`;
  if (row !== undefined) checkGeneration(command, row.generation);
}

/** Seconds for which a command waits for a daemon that is about to register its projection. */
const UNKNOWN_AFTER_S = 2;
/** Seconds for which a command of an unknown kind waits for a daemon of a newer version, which may know the kind. */
const UNKNOWN_KIND_AFTER_S = 10;

/**
 * Refuses commands that no daemon would ever carry out, which would silently stay pending: commands inserted with SQL for a
 * projection that no daemon has registered, of a kind that does not exist, or for an instance, which no projection has yet.
 * @returns the refused commands
 */
export async function refuseUnknown(sql: Queryable, by: string): Promise<readonly RefusedCommand[]> {
  return await sql<RefusedCommand[]>`
    WITH known AS (SELECT DISTINCT name FROM projection_state WHERE name <> ${PUBLISHER_NAME})
    UPDATE projection_commands AS c
    SET state = 'failed', carried_out_by = ${by}, ended_at = clock_timestamp(),
        code = CASE WHEN c.name IN (SELECT name FROM known) THEN 'COMMAND_INVALID' ELSE 'PROJECTION_UNKNOWN' END,
        message = CASE
          WHEN c.event <> ALL(${[...OPERATOR_EVENTS]}::text[])
          THEN format('there is no command %L: use one of %s', left(c.event, 100), ${OPERATOR_EVENTS.join(', ')}::text)
          WHEN c.name IN (SELECT name FROM known)
          THEN format('no projection is per instance yet: leave instance_id out to reach all of %L', c.name)
          ELSE format('no daemon has a projection named %L: known are %s', c.name,
                      (SELECT left(coalesce(string_agg(name, ', ' ORDER BY name), 'none'), 500) FROM known)) END
    WHERE c.state = 'pending'
      AND (c.instance_id <> '' OR
           c.event <> ALL(${[...OPERATOR_EVENTS]}::text[])
           AND c.requested_at < clock_timestamp() - make_interval(secs => ${UNKNOWN_KIND_AFTER_S}) OR
           c.name NOT IN (SELECT name FROM known)
           AND c.requested_at < clock_timestamp() - make_interval(secs => ${UNKNOWN_AFTER_S}))
    RETURNING c.id, c.name, c.event, c.requested_by AS "requestedBy", c.code, c.message`;
}

export interface RefusedCommand extends Pick<PendingCommand, 'id' | 'name' | 'event' | 'requestedBy'> {
  readonly code: string;
  readonly message: string;
}

/**
 * Deletes commands that ended more than 90 days ago, except the newest 1000 of each projection. Of a projection that was
 * unregistered it deletes all commands and transitions of that age, which nothing else would ever delete.
 */
export async function tidyCommands(sql: Queryable): Promise<void> {
  await sql`
    WITH known AS (SELECT name FROM projection_state), ranked AS (
      SELECT id, row_number() OVER (PARTITION BY name ORDER BY number DESC) AS rank FROM projection_commands
    ), unregistered AS (
      DELETE FROM projection_transitions AS t
      WHERE t.at < now() - interval '90 days' AND t.name NOT IN (SELECT name FROM known)
    )
    DELETE FROM projection_commands AS c USING ranked AS r
    WHERE r.id = c.id AND (r.rank > 1000 OR c.name NOT IN (SELECT name FROM known))
      AND c.ended_at < now() - interval '90 days'`;
}
