import { LOCKED_BY_OTHER } from '../../machines/projection-transitions.ts';
import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { PendingCommand } from '../core/command.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import { isTransient } from '../postgres/errors.ts';
import { CommandEnded } from '../state/commands.ts';

/** Seconds for which a command is left to the daemon that accepted it, and to the one that has the projection's row. */
const ACCEPTER_S = 1;
const HOLDER_S = 5;

/**
 * Whether another daemon is to carry this command out, for now. Nothing rests on it: whoever does, the transaction of the
 * effect decides. It spares two daemons the same work.
 */
export function isForAnother(
  { acceptedBy, seconds }: Pick<PendingCommand, 'acceptedBy' | 'seconds'>,
  { id, detail }: { readonly id: string; readonly detail: string | null },
): boolean {
  if (detail === LOCKED_BY_OTHER) return seconds < HOLDER_S;
  return acceptedBy !== id && acceptedBy !== 'sql' && seconds < ACCEPTER_S;
}

/** States that a projection is in for a moment: a command that means nothing there may mean something right after. */
export function isTransientState(snapshot: ProjectionSnapshot): boolean {
  return (
    snapshot.matches('resetting') ||
    snapshot.matches({ failed: 'attempting' }) ||
    snapshot.matches({ failed: 'skipping' }) ||
    (snapshot.matches('idle') && !snapshot.matches({ idle: 'paused' }))
  );
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/**
 * What becomes of a command whose effect did not come about. `ended`: somebody else has carried it out. `later`: the
 * database could not, or nobody knows whether it did; tried again, and if it did, the command turns out to have ended.
 */
export function dispositionOf(error: unknown): 'ended' | 'later' | Refusal {
  if (error instanceof CommandEnded) return 'ended';
  if (isEngineError(error, 'RESET_UNKNOWN') || isEngineError(error, 'DAEMON_STOPPED')) return 'later';
  if (isEngineError(error, 'RESET_FAILED') && isTransient(error.cause)) return 'later';
  if (error instanceof EngineError) return { code: error.code, message: error.message };
  return isTransient(error) ? 'later' : { code: 'COMMAND_REFUSED', message: describeError(error) };
}
