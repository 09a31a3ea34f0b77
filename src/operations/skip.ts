import type { PendingCommand } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import { eventsSql } from '../event-store/event-source.ts';
import { newestWithin } from '../event-store/newest.ts';
import type { Sql, Tx } from '../postgres/pool.ts';
import { checkGeneration, commandDone } from '../state/commands.ts';
import { advance } from '../state/projection-state.ts';

export interface SkipOptions {
  readonly name: string;
  /** Names of the events that the projection handles. */
  readonly handled: readonly string[];
  readonly owner: string;
  /** The SKIP command with its position and reason. It ends in the same transaction. */
  readonly command: PendingCommand;
  /**
   * Milliseconds that the skip waits for the page in flight of another daemon. A longer wait would hold up the later
   * commands of the projection. Default 5000.
   */
  readonly lockTimeoutMs?: number;
}

/**
 * Skips the event at which a projection failed. The cursor moves onto it, the halt is cleared, and the failure is kept as
 * skipped. All of this is one transaction, and it happens only when the projection is stopped at exactly the position of
 * the command: the operator has examined that one event, and no other event may be skipped. A pause that was set meanwhile
 * stays, without the halt that it covered.
 * @throws EngineError SKIP_MOVED, COMMAND_STALE, PROJECTION_ROW_MISSING; CommandEnded
 */
export async function skipEvent(sql: Sql, options: SkipOptions): Promise<void> {
  const { name, handled, owner, command, lockTimeoutMs = 5000 } = options;
  await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${String(lockTimeoutMs)}, true)`;
    const [row] = await tx<{ cursor: bigint; generation: bigint; xid: string }[]>`
      SELECT cursor, generation, pg_current_xact_id()::text AS xid
      FROM projection_state WHERE name = ${name} AND instance_id = '' FOR UPDATE`;
    if (row === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
    checkGeneration(command, row.generation);
    const position = await expectFailed(tx, { name, handled, cursor: row.cursor, position: command.position });
    const { cursor: from, generation, xid } = row;
    const newest = await newestWithin(tx, from, position);
    const move = { name, from, to: position, generation, xid, owner, newest, knownTo: position };
    const { moved } = await advance(tx, eventsSql, move);
    if (!moved) throw new EngineError('CURSOR_MOVED', { name });
    await tx`
      UPDATE projection_failures SET skipped_at = now(), skipped_by = ${command.requestedBy}, skip_reason = ${command.reason}
      WHERE name = ${name} AND instance_id = '' AND position = ${position}`;
    await tx`
      UPDATE projection_state
      SET status = CASE status WHEN 'halted' THEN 'running' ELSE status END, resume_to = 'running'
      WHERE name = ${name} AND instance_id = ''`;
    await commandDone(tx, command.id, { by: owner });
  });
}

/** @throws EngineError SKIP_MOVED unless the event at this position failed and is the next one that the projection handles */
async function expectFailed(
  tx: Tx,
  expected: {
    readonly name: string;
    readonly handled: readonly string[];
    readonly cursor: bigint;
    readonly position: bigint | null;
  },
): Promise<bigint> {
  const { name, handled, cursor, position } = expected;
  const moved = (where: string) => new EngineError('SKIP_MOVED', { name, where });
  const [row] = await tx<[{ failed: bigint | null }]>`
    SELECT min(position) AS failed FROM projection_failures
    WHERE name = ${name} AND instance_id = '' AND skipped_at IS NULL AND position > ${cursor}`;
  if (position === null) throw moved('was given no position');
  if (cursor >= position) throw moved(`stands at ${cursor} and has passed ${position}`);
  if (row.failed === null) throw moved(`stands at ${cursor}, and no event after it has failed`);
  if (row.failed !== position) throw moved(`stands before ${row.failed}, which failed, not before ${position}`);
  // Last: the failed event is at most a page away, so this scan is short. The requested position may be anywhere.
  const [{ next }] = await tx<[{ next: bigint | null }]>`
    SELECT min(position) AS next FROM (
      SELECT position FROM events
      WHERE position > ${cursor} AND position < ${position} AND name = ANY(${[...handled]}::text[]) OFFSET 0) AS before`;
  if (next !== null) throw moved(`has to apply ${next} before it comes to ${position}`);
  return position;
}
