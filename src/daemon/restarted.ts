import { type MonoTypeOperatorFunction, repeat, retry, type SchedulerLike, tap, timer } from 'rxjs';
import type { Log } from '../core/log.ts';

const FIRST_MS = 100;
const LAST_MS = 5000;

/**
 * Subscribes anew to a stream of wakeups that has died or ended, after a pause that doubles while nothing comes of it.
 * Without it no projection would be woken any more, and nothing would show it.
 */
export function restarted<T>(what: string, log: Log, scheduler?: SchedulerLike): MonoTypeOperatorFunction<T> {
  let pauseMs = FIRST_MS;
  const pause = () => {
    const ms = pauseMs;
    pauseMs = Math.min(LAST_MS, pauseMs * 2);
    return timer(ms, scheduler);
  };
  return (source) =>
    source.pipe(
      tap(() => {
        pauseMs = FIRST_MS;
      }),
      repeat({
        delay: () => {
          log.error({ what }, 'wakeups have ended and are begun anew');
          return pause();
        },
      }),
      retry({
        delay: (error: unknown) => {
          log.error({ err: error, what }, 'wakeups have died and are begun anew');
          return pause();
        },
      }),
    );
}
