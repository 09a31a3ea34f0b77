import type { Log } from '../core/log.ts';
import type { Sql } from '../postgres/pool.ts';
import { eventFailed } from './event-failure.ts';
import { logFailure } from './failure-text.ts';
import type { HandlerOrigin } from './handler-origin.ts';
import { storeHalt } from './pending-halt.ts';
import type { ProjectionRunner } from './run-loop.ts';

interface CulpritSurroundings {
  readonly sql: Sql;
  readonly log: Log;
  readonly workers: ReadonlyMap<string, { readonly runner: Pick<ProjectionRunner, 'halts'> }>;
  /** Sets the projection's loop going. */
  readonly wake: () => void;
}

/** Milliseconds that the page in flight is waited for. */
const WAIT_MS = 30_000;

/**
 * Halts a projection for what a handler of its left behind: a promise that nobody awaited, a timer that threw. The event
 * has been applied by then, as far as the engine could see; whether its rows are right nobody knows. Waits for the page in
 * flight. A pause stays, with the halt under it.
 *
 * What could not be stored in time is left to the projection's own loop, which runs nothing before it is.
 */
export async function haltForUncaughtError(
  { sql, log, workers, wake }: CulpritSurroundings,
  { projection, event }: HandlerOrigin,
  error: unknown,
  waitMs = WAIT_MS,
): Promise<void> {
  const halt = { failure: eventFailed(error, 0, event).failure, alarm: null, at: null };
  const stored = await storeHalt(sql, projection, halt, waitMs).catch((failed: unknown) => {
    log.warn(
      { projection, err: failed },
      'a halt could not be stored yet; nothing of the projection runs before it is',
    );
    return { kind: 'locked-by-other' } as const;
  });
  if (stored.kind === 'locked-by-other') {
    workers.get(projection)?.runner.halts.close(halt);
    wake();
  }
  if (stored.kind === 'failed') logFailure(log, projection, stored);
}
