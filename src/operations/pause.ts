import type { PendingCommand } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import { checkGeneration, commandDone } from '../state/commands.ts';

export interface PauseOptions {
  readonly name: string;
  readonly paused: boolean;
  readonly owner: string;
  /** The command that ends in the same transaction; null when the machine pauses without one. */
  readonly command: PendingCommand | null;
}

/**
 * Pauses or resumes a projection. It waits for the page in flight, which holds the row: once this has resolved, no page of
 * a paused projection commits. A halt that the pause covers is stored in `resume_to`, and RESUME restores it.
 * @returns the stored status after that
 * @throws EngineError PROJECTION_ROW_MISSING, COMMAND_STALE; CommandEnded
 */
export async function setPaused(sql: Sql, { name, paused, owner, command }: PauseOptions): Promise<StoredStatus> {
  return await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
    const [row] = await tx<{ status: StoredStatus; generation: bigint }[]>`
      UPDATE projection_state
      SET status = CASE WHEN ${paused} THEN 'paused' WHEN status = 'paused' THEN resume_to ELSE status END,
          resume_to = CASE WHEN NOT ${paused} THEN 'running' WHEN status = 'paused' THEN resume_to ELSE status END,
          updated_at = now()
      WHERE name = ${name} AND instance_id = ''
      RETURNING status, generation`;
    if (row === undefined) throw new EngineError('PROJECTION_ROW_MISSING', { name });
    if (command !== null) {
      checkGeneration(command, row.generation);
      await commandDone(tx, command.id, { by: owner });
    }
    return row.status;
  });
}
