import type { Log } from '../core/log.ts';
import type { Sql } from '../postgres/pool.ts';
import { eventFailed } from './event-failure.ts';
import { logFailure } from './failure-text.ts';
import type { HandlerOrigin } from './handler-origin.ts';
import { storeHalt } from './pending-halt.ts';
import type { ProjectionRunner } from './run-loop.ts';

interface UncaughtErrorContext {
  readonly sql: Sql;
  readonly log: Log;
  readonly workers: ReadonlyMap<string, { readonly runner: Pick<ProjectionRunner, 'halts'> }>;
  /** Wakes the machine of the projection. */
  readonly wake: () => void;
}

/** Milliseconds to wait for the page under way. */
const WAIT_MS = 30_000;

/**
 * Halts a projection for an uncaught error of a handler: the rejection of a promise that was not awaited, or the error of
 * a timer. The event has been applied by then, but its rows may be wrong. The halt waits for the page under way. A paused
 * row stays paused, and the halt takes effect with RESUME.
 *
 * A halt that could not be stored in time is left to the run loop, which applies no page before it is stored.
 */
export async function haltForUncaughtError(
  { sql, log, workers, wake }: UncaughtErrorContext,
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
