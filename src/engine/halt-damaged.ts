import { describeError } from '../core/describe-error.ts';
import { HALT_AT_ONCE } from '../core/failure-policy.ts';
import { recordFailure } from '../store/failures.ts';
import { lockState } from '../store/state.ts';
import type { EventFailed, PageOutcome } from './outcome.ts';
import type { PageSettings, PageWork } from './page-work.ts';

/**
 * A handler committed the transaction itself: what it wrote stands although the cursor did not move, and nothing that is
 * run again can tell. Halt at once, and say so in an alarm that only a reset clears.
 */
export async function haltDamaged(settings: PageSettings, work: PageWork, error: EventFailed): Promise<PageOutcome> {
  const { name } = work.projection;
  return await settings.sql.begin(async (tx) => {
    const locked = await lockState(tx, name);
    const recorded = await recordFailure(tx, name, error.failure, HALT_AT_ONCE);
    await tx`UPDATE projection_state SET alarm = ${describeError(error.cause)} WHERE name = ${name} AND instance_id = ''`;
    return { kind: 'failed', cursor: locked?.cursor ?? work.cursor, failure: error.failure, ...recorded };
  });
}
