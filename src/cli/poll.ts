import { setTimeout as pause } from 'node:timers/promises';
import { EngineError } from '../core/errors.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';

/** What a look at the daemon found: every projection asked for, or why none can be seen. */
export type PollResult =
  | { readonly kind: 'seen'; readonly statuses: readonly ProjectionStatus[] }
  | { readonly kind: 'lost'; readonly reason: string };

export interface PollOptions {
  /** Finds the daemon; asked again after each loss, since it may come back on another port and with another token. */
  readonly connect: () => Promise<DaemonClient>;
  /** Undefined: all of them. */
  readonly name: string | undefined;
  /** Ends the looks, without an error. */
  readonly signal: AbortSignal;
  /** Between two looks. Default 1 s. */
  readonly everyMs?: number;
}

/**
 * Looks at the projections again and again. Once something was seen, a daemon that does not answer is a look as well:
 * it may come back.
 * @throws EngineError DAEMON_UNREACHABLE, PROJECTION_UNKNOWN; RefusedError: what the first look says
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
