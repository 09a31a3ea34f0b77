import { LOCKED_BY_OTHER } from '../../machines/projection-transitions.ts';
import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { PendingCommand } from '../core/command.ts';
import { describeError } from '../core/describe-error.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import { isTransient } from '../postgres/errors.ts';
import { CommandEnded } from '../state/commands.ts';

/** Seconds for which a command is left to the daemon that accepted it, and to the daemon that holds the projection's row. */
const ACCEPTER_S = 1;
const HOLDER_S = 5;

/**
 * Whether this daemon leaves the command to another daemon for now. This only spares two daemons the same work: the
 * transaction of the effect alone guarantees that a command is carried out once.
 */
export function isForAnother(
  { acceptedBy, seconds }: Pick<PendingCommand, 'acceptedBy' | 'seconds'>,
  { id, detail }: { readonly id: string; readonly detail: string | null },
): boolean {
  if (detail === LOCKED_BY_OTHER) return seconds < HOLDER_S;
  return acceptedBy !== id && acceptedBy !== 'sql' && seconds < ACCEPTER_S;
}

/** Whether an operation leads out of this state: a command that is not allowed in it may be allowed right after it. */
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
 * What happens to a command whose effect failed. `ended`: another daemon has carried it out. `later`: the database could
 * not carry it out now, or it is unknown whether it did. The command is tried again then; if its effect was committed, the
 * row says that the command has ended.
 */
export function dispositionOf(error: unknown): 'ended' | 'later' | Refusal {
  if (error instanceof CommandEnded) return 'ended';
  if (isEngineError(error, 'RESET_UNKNOWN') || isEngineError(error, 'DAEMON_STOPPED')) return 'later';
  if (isEngineError(error, 'RESET_FAILED') && isTransient(error.cause)) return 'later';
  if (error instanceof EngineError) return { code: error.code, message: error.message };
  return isTransient(error) ? 'later' : { code: 'COMMAND_REFUSED', message: describeError(error) };
}
