import { HALT_AT_ONCE } from '../core/failure-policy.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../store/connect.ts';
import { recordFailure } from '../store/failures.ts';
import type { Culprit } from './attribution.ts';
import { eventFailed } from './event-failure.ts';
import { logFailure } from './failure-text.ts';
import type { Log } from './log.ts';

/**
 * Halts a projection for what a handler of its left behind: a promise that nobody awaited, a timer that threw. The event
 * has been applied by then, as far as the engine could see; whether its rows are right nobody knows. Waits for the page in
 * flight. A pause stays, with the halt under it.
 */
export async function haltCulprit(
  { sql, log }: { readonly sql: Sql; readonly log: Log },
  { projection, event }: Culprit,
  error: unknown,
): Promise<void> {
  const { failure } = eventFailed(error, 0, event);
  const recorded = await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', '30s', true)`;
    const [row] = await tx<{ status: StoredStatus }[]>`
      SELECT status FROM projection_state WHERE name = ${projection} AND instance_id = '' FOR UPDATE`;
    const made = await recordFailure(tx, projection, failure, HALT_AT_ONCE);
    if (row?.status === 'paused') {
      await tx`
        UPDATE projection_state SET status = 'paused', resume_to = 'halted'
        WHERE name = ${projection} AND instance_id = ''`;
    }
    return made;
  });
  logFailure(log, projection, { failure, ...recorded });
}
