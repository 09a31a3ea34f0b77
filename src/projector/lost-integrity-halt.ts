import { describeError } from '../core/describe-error.ts';
import type { EventFailed } from './page-outcome.ts';
import type { PageWork } from './page-request.ts';
import type { PendingHalt } from './pending-halt.ts';

/**
 * A handler committed the transaction itself: what it wrote stands although the cursor did not move, and nothing that is
 * run again can tell. Halt at once, and say so in an alarm that only a reset clears; a reset in between has cleared it.
 */
export function haltForLostIntegrity({ generation }: PageWork, { failure, cause }: EventFailed): PendingHalt {
  return { failure, alarm: describeError(cause), at: { cursor: null, generation } };
}
