import { setTimeout as pause } from 'node:timers/promises';
import { EngineError } from '../core/errors.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';

/** The result of a poll: the status of the projections, or why the daemon cannot be reached. */
export type PollResult =
  | { readonly kind: 'seen'; readonly statuses: readonly ProjectionStatus[] }
  | { readonly kind: 'lost'; readonly reason: string };

export interface PollOptions {
  /** Finds the daemon. Called again after each loss: a restarted daemon may have another port and another token. */
  readonly connect: () => Promise<DaemonClient>;
  /** Undefined: every projection. */
  readonly name: string | undefined;
  /** Ends the polls, without an error. */
  readonly signal: AbortSignal;
  /** Milliseconds between two polls. Default 1000. */
  readonly everyMs?: number;
}

/**
 * Polls the status of the projections. After the first poll has succeeded, a daemon that does not answer is a result of
 * the kind `lost`, and the polls go on: the daemon may be restarted.
 * @throws EngineError DAEMON_UNREACHABLE, PROJECTION_UNKNOWN; RefusedError: errors of the first poll
 */
export async function* pollStatuses(options: PollOptions): AsyncGenerator<PollResult, void, undefined> {
  const { connect, name, signal, everyMs = 1_000 } = options;
  let client: DaemonClient | null = null;
  let begun = false;
  while (!signal.aborted) {
    let poll: PollResult;
    try {
      client ??= await connect();
      poll = { kind: 'seen', statuses: only(name, await client.statuses(signal), begun) };
      begun = true;
    } catch (error) {
      if (signal.aborted) return;
      if (!begun) throw error;
      client = null;
      poll = { kind: 'lost', reason: error instanceof Error ? error.message : String(error) };
    }
    yield poll;
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

function only(
  name: string | undefined,
  all: readonly ProjectionStatus[],
  mayBeGone: boolean,
): readonly ProjectionStatus[] {
  if (name === undefined) return all;
  const found = all.filter((status) => status.name === name);
  if (found.length > 0 || mayBeGone) return found;
  const known = [...new Set(all.map((status) => status.name))].join(', ');
  throw new EngineError('PROJECTION_UNKNOWN', { name, known });
}
