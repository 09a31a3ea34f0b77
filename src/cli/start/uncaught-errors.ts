import type { Log } from '../../core/log.ts';
import { findHandlerOrigin, type HandlerOrigin } from '../../projector/handler-origin.ts';

const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** The part of `process` that is needed. */
interface ErrorSource {
  on(event: (typeof EVENTS)[number], listener: (error: unknown) => void): unknown;
  off(event: (typeof EVENTS)[number], listener: (error: unknown) => void): unknown;
}

export interface UncaughtErrorsOptions {
  readonly source: ErrorSource;
  /** Halts the projection whose handler it was. */
  readonly halt: (culprit: HandlerOrigin, error: unknown) => Promise<void>;
  /** It is nobody's: what state the process is in, nobody knows. */
  readonly die: (reason: string) => void;
  readonly log: Log;
}

/**
 * What happens to an error that nobody catches: a promise that a handler did not await, a timer of its own. It is the
 * halt of that projection, not the end of the others. One that is nobody's ends the process, as Node would have it.
 * @returns the way to end this
 */
export function watchUncaughtErrors({ source, halt, die, log }: UncaughtErrorsOptions): () => void {
  const onError = (error: unknown): void => {
    const culprit = findHandlerOrigin();
    if (culprit === null) {
      log.error({ err: error }, 'an error that nobody caught ends the daemon');
      die('an error that nobody caught');
      return;
    }
    const { projection, event } = culprit;
    const told = { projection, position: String(event.position), eventName: event.name };
    log.error({ ...told, err: error }, 'a handler left behind an error that nobody caught, its projection is halted');
    halt(culprit, error).catch((failed: unknown) => log.error({ ...told, err: failed }, 'it could not be halted'));
  };
  for (const event of EVENTS) source.on(event, onError);
  return () => {
    for (const event of EVENTS) source.off(event, onError);
  };
}
