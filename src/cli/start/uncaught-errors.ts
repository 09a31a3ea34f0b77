import type { Log } from '../../core/log.ts';
import { findHandlerOrigin, type HandlerOrigin } from '../../projector/handler-origin.ts';

const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** The methods of `process` that are used. */
interface ErrorSource {
  on(event: (typeof EVENTS)[number], listener: (error: unknown) => void): unknown;
  off(event: (typeof EVENTS)[number], listener: (error: unknown) => void): unknown;
}

export interface UncaughtErrorsOptions {
  readonly source: ErrorSource;
  /** Halts the projection whose handler caused the error. */
  readonly halt: (origin: HandlerOrigin, error: unknown) => Promise<void>;
  /** Ends the process after an error that no handler caused: the state of the process is unknown. */
  readonly die: (reason: string) => void;
  readonly log: Log;
}

/**
 * Handles uncaught errors, such as those of a promise that a handler did not await, or of a timer that it set. The error
 * halts the projection of that handler; the others go on. An error that no handler caused ends the process, as in Node.
 * @returns removes the listeners
 */
export function watchUncaughtErrors({ source, halt, die, log }: UncaughtErrorsOptions): () => void {
  const onError = (error: unknown): void => {
    const origin = findHandlerOrigin();
    if (origin === null) {
      log.error({ err: error }, 'an uncaught error ends the daemon');
      die('an uncaught error');
      return;
    }
    const { projection, event } = origin;
    const fields = { projection, position: String(event.position), eventName: event.name };
    log.error({ ...fields, err: error }, 'a handler caused an uncaught error: its projection is halted');
    halt(origin, error).catch((failed: unknown) =>
      log.error({ ...fields, err: failed }, 'the projection could not be halted'),
    );
  };
  for (const event of EVENTS) source.on(event, onError);
  return () => {
    for (const event of EVENTS) source.off(event, onError);
  };
}
